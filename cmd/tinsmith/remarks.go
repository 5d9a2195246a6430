package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
)

// remarks prints what client and server warn about for people: one plain line
// each, with the reason and without what is only for debugging.
type remarks struct {
	w    io.Writer
	from string // whose warnings these are
}

func logger(std *stdio, from string) *slog.Logger { return slog.New(&remarks{std.err, from}) }

func (h *remarks) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

func (h *remarks) Handle(_ context.Context, r slog.Record) error {
	line := h.from + ": " + strings.TrimPrefix(r.Message, "tinker: ")
	r.Attrs(func(a slog.Attr) bool {
		if reason := remarkable(a); reason != "" {
			line += ": " + reason
		}
		return true
	})
	_, err := fmt.Fprintln(h.w, line)
	return err
}

// WithAttrs and WithGroup drop what they are given, as Handle would.
func (h *remarks) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h *remarks) WithGroup(string) slog.Handler      { return h }

// remarkable is what an attribute says about the reason of a warning, on one
// line; empty: nothing for people.
func remarkable(a slog.Attr) string {
	value := a.Value.Any()
	switch a.Key {
	case "status":
		return fmt.Sprintf("status %v", value)
	case "message", "error", "fault", "panic":
		if value == nil {
			return ""
		}
		if err, ok := value.(error); ok {
			if call, ok := errors.AsType[*url.Error](err); ok {
				value = call.Err // method and URL are in no need of repetition
			}
		}
		return firstLine(fmt.Sprint(value))
	}
	return ""
}

// firstLine is the first line of a text; of a page in HTML, which says nothing
// to people on a terminal, it is empty.
func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if strings.HasPrefix(line, "<") {
		return ""
	}
	return line
}
