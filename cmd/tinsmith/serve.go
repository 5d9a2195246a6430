package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"tinsmith.example/internal/catalog"
	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/server"
)

type serveCommand struct {
	Addr      string   `default:"127.0.0.1:8731" help:"Host and port to listen on; port 0 takes a free one."`
	Model     []string `sep:"none" placeholder:"NAME[=PATH]" help:"A model to serve: a name of the catalogue, org/name of the Hub, or NAME=PATH for a GGUF file. Repeatable (default: ${model})."`
	Key       *string  `env:"TINSMITH_KEY" placeholder:"KEY" help:"The one API key to accept; it begins with tml-. Without it, every key that the official client would send is accepted, and only --addr on this machine itself is."`
	AllowHost []string `sep:"none" placeholder:"NAME" help:"A further name under which clients address this server. Repeatable."`
	Threads   int      `help:"The most threads that compute; 0: one per CPU. Changes no result."`
	Memory    byteSize `placeholder:"SIZE" help:"What the KV caches of all models may take together, such as 2GiB or 500MB (default: half of what is free). Requests that do not fit wait. Changes no result."`
	Flag      []string `sep:"none" placeholder:"NAME=false" help:"What clients are told to do otherwise than by default: ${flags}. Repeatable."`
	DebugAddr string   `placeholder:"HOST:PORT" help:"Also show profiles and counts at /debug/ there; only on this machine itself."`
	Verbose   bool     `short:"v" help:"Log sessions and requests, not only what goes wrong."`
}

// Help is the second part of the subcommand's --help.
func (*serveCommand) Help() string {
	return `Examples:
  tinsmith serve
  tinsmith serve --addr 127.0.0.1:9000 --model HuggingFaceTB/SmolLM2-135M-Instruct
  tinsmith serve --model my/model=model.gguf --model my/other=other.gguf
  tinsmith serve --addr 0.0.0.0:8731 --key tml-secret --allow-host build7
  tinsmith serve --flag sample_use_retrieve_futures=false

When it is ready it prints two lines for a shell, so that clients find it:
  export TINKER_BASE_URL=http://127.0.0.1:8731
  export TINKER_API_KEY=tml-local
With HF_ENDPOINT set to the same URL, the official client's get_tokenizer() gets
the model's tokenizer from this server, too.

docs/server.md says what it answers, how long sessions last and what it holds.

Ctrl-C or SIGTERM stops it: samples in work fail, and the exit code is 0. A
second one kills it.`
}

// anyKey is the key to print when every key is accepted.
const anyKey = "tml-local"

// keyForm is what the official client takes for an API key, and what needs no
// quoting in a shell.
var keyForm = regexp.MustCompile(`^(tml-|eyJ)[A-Za-z0-9._-]+$`)

// Validate refuses what would serve others without a key.
func (c *serveCommand) Validate() error {
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return fmt.Errorf("--addr %s: want host:port, such as 127.0.0.1:8731", c.Addr)
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return fmt.Errorf("--addr %s: the port must be a number from 0 to 65535", c.Addr)
	}
	if c.DebugAddr != "" {
		if host, _, err := net.SplitHostPort(c.DebugAddr); err != nil || !loopback(host) {
			return fmt.Errorf("--debug-addr %s: want host:port of this machine itself, such as 127.0.0.1:8732", c.DebugAddr)
		}
	}
	for _, spec := range c.Model {
		if name, source := splitModel(spec); source == "" || name == "" && strings.HasPrefix(spec, "=") {
			return fmt.Errorf("--model %s: want NAME or NAME=PATH, such as my/model=model.gguf", spec)
		}
	}
	if c.Key == nil && !loopback(host) {
		return fmt.Errorf("--addr %s can be reached from other machines: set --key, or listen on 127.0.0.1", c.Addr)
	}
	if c.Key != nil && *c.Key == "" {
		return errors.New("--key (or TINSMITH_KEY) is empty: give a key, or leave it out to accept every key")
	}
	if c.Key != nil && !keyForm.MatchString(*c.Key) {
		return errors.New("--key: want tml- and then letters, digits, '.', '_' or '-', or else official clients refuse it")
	}
	if _, err := c.flags(); err != nil {
		return err
	}
	if c.Threads < 0 {
		return fmt.Errorf("--threads %d: must be at least 0, where 0 means one per CPU", c.Threads)
	}
	if c.Memory > 0 && int64(c.Memory) < int64(len(c.Model)) {
		return fmt.Errorf("--memory %v: too little for %d models", c.Memory, len(c.Model))
	}
	return nil
}

// flags is --flag by names. Of one that is given twice the last value counts.
func (c *serveCommand) flags() (map[string]bool, error) {
	values := map[string]bool{}
	for _, setting := range c.Flag {
		name, text, _ := strings.Cut(setting, "=")
		if !slices.Contains(server.FlagNames(), name) {
			return nil, fmt.Errorf("--flag %s: no such flag; there are %s", setting, strings.Join(server.FlagNames(), ", "))
		}
		value, err := strconv.ParseBool(text)
		if err != nil {
			return nil, fmt.Errorf("--flag %s: want %s=true or %[2]s=false", setting, name)
		}
		values[name] = value
	}
	return values, nil
}

// acceptedKey is the one key that is accepted, and "" if every one is.
func (c *serveCommand) acceptedKey() string {
	if c.Key == nil {
		return ""
	}
	return *c.Key
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// shutdownTime bounds how long stopping takes, with the moment that the server
// gives its clients to fetch what they wait for.
const shutdownTime = 10 * time.Second

func (c *serveCommand) Run(ctx context.Context, std *stdio) error {
	// First the addresses: whether they are free is known at once, while a model
	// may have to be fetched.
	listener, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	var inside net.Listener
	if c.DebugAddr != "" {
		if inside, err = net.Listen("tcp", c.DebugAddr); err != nil {
			return fmt.Errorf("--debug-addr: %w", err)
		}
		defer inside.Close()
	}

	models, closeModels, err := c.open(ctx, std)
	if err != nil {
		return err
	}
	defer closeModels()

	flags, err := c.flags()
	if err != nil {
		return err
	}
	level := slog.LevelWarn
	if c.Verbose {
		level = slog.LevelDebug
	}
	s, err := server.New(server.Config{
		Models:       models,
		Key:          c.acceptedKey(),
		AllowedHosts: c.hosts(),
		Logger:       slog.New(slog.NewTextHandler(std.err, &slog.HandlerOptions{Level: level})),
		Flags:        flags,
	})
	if err != nil {
		return err
	}
	if inside != nil {
		defer serveDebug(inside, s)()
		fmt.Fprintf(std.err, "debug: http://%s/debug/counts\n", inside.Addr())
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	announced := c.announce(std, listener.Addr(), models)
	if announced == nil {
		select {
		case err := <-served:
			return err
		case <-ctx.Done():
		}
		fmt.Fprintln(std.err, "stopping; once more to kill")
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	if err := s.Close(stopping); err != nil {
		return err
	}
	<-served
	return cmp.Or(announced, errStopped)
}

// garbagePercent is how much garbage may pile up, of what is alive. Weights and KV
// cache are not of the heap, and what is holds little but requests and
// connections: it costs little to look at, and with 2,000 clients Go's default
// would take as much memory again.
const garbagePercent = 50

// errStopped says that a command ended because it was told to, which is how it
// should end.
var errStopped = errors.New("stopped")

// open loads every model, in order. The function that it returns closes them.
func (c *serveCommand) open(ctx context.Context, std *stdio) (models []server.Model, closeAll func(), err error) {
	var engines []*engine.Engine
	closeAll = func() {
		for _, e := range engines {
			e.Close()
		}
	}
	specs := c.Model
	if len(specs) == 0 {
		specs = []string{catalog.DefaultModel}
	}
	sources, err := locate(ctx, std, specs)
	if err != nil {
		return nil, closeAll, err
	}
	if free := engine.FreeMemory(); int64(c.Memory) > free {
		fmt.Fprintf(std.err, "--memory %v is more than the %v that are free: with many requests at once this may swap or be killed\n", c.Memory, byteSize(free))
	}
	memory := c.share(len(sources))
	for _, source := range sources {
		m, e, err := c.openOne(ctx, std, source, memory)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		engines = append(engines, e)
		models = append(models, m)
	}
	return models, closeAll, nil
}

// A modelSource is a model to serve, under a name that no other one has.
type modelSource struct {
	name  string
	asked string
	file  catalog.Resolved
}

// locate finds the file of every model, before any of them is loaded.
func locate(ctx context.Context, std *stdio, specs []string) ([]modelSource, error) {
	var found []modelSource
	for _, spec := range specs {
		name, asked := splitModel(spec)
		file, err := fetch(ctx, std, asked)
		if err != nil {
			return nil, err
		}
		name = cmp.Or(name, file.Name)
		if slices.ContainsFunc(found, func(m modelSource) bool { return m.name == name }) {
			return nil, usagef("--model %s: there is a model %s already; give it another name: NAME=PATH", spec, name)
		}
		found = append(found, modelSource{name, asked, file})
	}
	return found, nil
}

// share is each of so many models' part of the memory; 0: what the engine takes
// by itself. Validate has seen to it that a part is not 0 for want of bytes.
func (c *serveCommand) share(models int) int64 {
	if c.Memory > 0 {
		return int64(c.Memory) / int64(models)
	}
	if models > 1 {
		return max(1, engine.FreeMemory()/2/int64(models))
	}
	return 0
}

func (c *serveCommand) openOne(ctx context.Context, std *stdio, m modelSource, memory int64) (server.Model, *engine.Engine, error) {
	started := time.Now()
	e, err := engine.Open(m.file.Path, engine.Options{Threads: c.Threads, Memory: memory})
	if err != nil {
		return server.Model{}, nil, &loadError{m.asked, m.file, err}
	}
	info := e.Info()
	fmt.Fprintf(std.err, "%s: %s %s, %.0f M parameters, context %d, loaded in %d ms\n", m.name,
		info.Architecture, info.Quantization, float64(info.Parameters)/1e6, info.ContextLength, time.Since(started).Milliseconds())
	fmt.Fprintf(std.err, "%s: KV cache of %d tokens in at most %v\n", m.name, e.KVTokens(), byteSize(e.KVBytes()))
	return server.Model{Name: m.name, Backend: e}, e, ctx.Err()
}

// splitModel takes NAME=PATH apart. What begins like a path is one, whatever
// it contains.
func splitModel(spec string) (name, source string) {
	name, source, ok := strings.Cut(spec, "=")
	if !ok || strings.HasPrefix(spec, ".") || strings.HasPrefix(spec, "/") || strings.HasPrefix(spec, "~") {
		return "", spec
	}
	return name, source
}

// hosts are the names that clients may use: those that were allowed, and that
// of --addr if it names one machine.
func (c *serveCommand) hosts() []string {
	host, _, _ := net.SplitHostPort(c.Addr)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return c.AllowHost
	}
	return append([]string{host}, c.AllowHost...)
}

// announce says that the server is ready: to people on standard error, and on
// standard output to a shell, without which no client would find it.
func (c *serveCommand) announce(std *stdio, addr net.Addr, models []server.Model) error {
	for _, m := range models {
		fmt.Fprintln(std.err, "serving", m.Name)
	}
	_, err := fmt.Fprintf(std.out, "export TINKER_BASE_URL=%s\nexport TINKER_API_KEY=%s\n", c.url(addr), cmp.Or(c.acceptedKey(), anyKey))
	return err
}

// url is where clients find the server: under the name given in --addr, and
// under the port that it got.
func (c *serveCommand) url(addr net.Addr) string {
	host, _, _ := net.SplitHostPort(c.Addr)
	_, port, _ := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if len(c.AllowHost) > 0 {
			host = c.AllowHost[0]
		}
	}
	return "http://" + net.JoinHostPort(host, port)
}
