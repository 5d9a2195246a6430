// Command tinsmith samples language models, computes log probabilities, and
// serves both by the Tinker API.
//
// There is one file per subcommand. They reach a model through package tinker
// alone, whether the server is another machine's or one that package local
// starts inside this process (connect.go). Flags, environment, signals, exit
// codes and advice to people are here and in no other package of the module.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"tinsmith.example/internal/catalog"
	"tinsmith.example/internal/server"
	"tinsmith.example/tinker"
)

// Exit codes, as every subcommand's help states them.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

type grammar struct {
	Sample   sampleCommand   `cmd:"" help:"Continue a prompt, or answer it with --chat."`
	Logprobs logprobsCommand `cmd:"" help:"Show the log probability of every token of a text."`
	Verify   verifyCommand   `cmd:"" help:"Compute the answer of a receipt again, and compare every bit."`
	Serve    serveCommand    `cmd:"" help:"Serve models by the Tinker API."`
	Pull     pullCommand     `cmd:"" help:"Fetch a model into the cache."`
	Models   modelsCommand   `cmd:"" help:"List the models of the catalogue, and what is in the cache."`
	Bench    benchCommand    `cmd:"" help:"Measure the engine on this machine, beside what the machine allows."`
	Version  versionCommand  `cmd:"" help:"Print the version, and what runs the arithmetic on this machine."`
}

const description = `Samples language models with log probabilities, here or on any server of the Tinker API.
tinsmith help COMMAND and tinsmith COMMAND --help describe a command.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.`

func main() {
	os.Exit(run(os.Args[1:], &stdio{in: os.Stdin, out: &output{file: os.Stdout}, err: os.Stderr}))
}

func run(args []string, std *stdio) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// From the first signal on, the next one has its default effect and kills.
	context.AfterFunc(ctx, stop)

	parser, err := kong.New(&grammar{},
		kong.Name("tinsmith"),
		kong.Description(description),
		kong.Writers(std.out, std.err),
		kong.Vars{"model": catalog.DefaultModel, "flags": strings.Join(server.FlagNames(), ", ")},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(std),
	)
	if err != nil {
		panic(err) // the grammar is a constant of this program
	}
	command, err := parser.Parse(habits(args, numberFlags(parser)))
	if err != nil {
		name := parsed(err)
		return report(ctx, std, name, usage(unquoted(name, err)))
	}
	return report(ctx, std, command.Selected().Name, command.Run())
}

// parsed is the command up to which the arguments made sense; empty: none.
func parsed(err error) string {
	if failed, ok := errors.AsType[*kong.ParseError](err); ok && failed.Context.Selected() != nil {
		return failed.Context.Selected().Name
	}
	return ""
}

// report says what went wrong, if anything, and gives the exit code.
func report(ctx context.Context, std *stdio, command string, err error) int {
	if std.out.failed != nil && ctx.Err() == nil {
		fmt.Fprintln(std.err, "tinsmith:", std.out.failed)
		return exitFailed
	}
	switch {
	case err == nil, errors.Is(err, errStopped):
		return exitOK
	case ctx.Err() != nil:
		fmt.Fprintln(std.err, "tinsmith: interrupted"+awaited(err))
		return exitInterrupted
	case is[*usageError](err):
		help := strings.Join(strings.Fields("tinsmith "+command+" --help"), " ")
		fmt.Fprintf(std.err, "tinsmith: %s\nTry: %s\n", explain(err), help)
		return exitUsage
	}
	fmt.Fprintln(std.err, "tinsmith:", explain(err))
	if hint := advice(err); hint != "" {
		fmt.Fprintln(std.err, hint)
	}
	return exitFailed
}

// awaited says what a command that was interrupted waited for, if that is known: a
// server that has vanished is known by nothing else.
func awaited(err error) string {
	if e, ok := errors.AsType[*waitError](err); ok {
		return " while waiting for " + e.what
	}
	if call, ok := errors.AsType[*tinker.APIError](err); ok && call.Waiting != "" {
		return " while waiting for " + call.Waiting
	}
	return ""
}

// A waitError says that the command ended while it waited for something.
type waitError struct {
	what string
	err  error // why it ended
}

func (e *waitError) Error() string { return fmt.Sprintf("%v while waiting for %s", e.err, e.what) }
func (e *waitError) Unwrap() error { return e.err }

// A usageError is the caller's mistake: exit code 2, and a pointer to the help.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usage(err error) error { return &usageError{err} }

func usagef(format string, args ...any) error { return usage(fmt.Errorf(format, args...)) }
