package main

import (
	"encoding/json"
	"io"
	"os"

	"golang.org/x/term"
)

// stdio is where a command reads and writes. Results go to out and nothing
// else does, so that they can be piped; progress and remarks go to err.
type stdio struct {
	in  *os.File
	out *output
	err *os.File

	quiet bool // remarks and progress are not wanted: errors and warnings alone
}

// remarks is where remarks and progress go.
func (s *stdio) remarks() io.Writer {
	if s.quiet {
		return io.Discard
	}
	return s.err
}

// An output is a file that remembers the first write that failed, so that no
// command can lose a part of its results unnoticed: report looks at it once,
// after the command.
type output struct {
	file   *os.File
	failed error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.file.Write(p)
	if o.failed == nil {
		o.failed = err
	}
	return n, err
}

// inIsTerminal says that a person would have to type the input.
func (s *stdio) inIsTerminal() bool { return term.IsTerminal(int(s.in.Fd())) }

// errTakesBars says that progress may be drawn as a bar: on a terminal that can
// move its cursor and knows how wide it is.
func (s *stdio) errTakesBars() bool {
	width, _, err := term.GetSize(int(s.err.Fd()))
	return err == nil && width > 0 && os.Getenv("TERM") != "dumb"
}

// colour says that results go to a person who has not asked for plain text
// (https://no-color.org).
func (s *stdio) colour() bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(s.out.file.Fd()))
}

// printJSON writes v to out, as JSON on one line.
func (s *stdio) printJSON(v any) error {
	e := json.NewEncoder(s.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
