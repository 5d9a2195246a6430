package main

import (
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"testing"
)

func TestRemarksAreOnePlainLine(t *testing.T) {
	var out strings.Builder
	log := slog.New(&remarks{&out, "http://server"})
	for _, tt := range []struct {
		args []any
		want string
	}{
		{[]any{"status", 501, "message", "<!DOCTYPE HTML>\n<p>no</p>", "error", nil, "attempts", 1}, "http://server: tried again: status 501\n"},
		{[]any{"status", 503, "message", "busy\nstack", "path", "/api"}, "http://server: tried again: status 503: busy\n"},
		{[]any{"message", "", "error", &url.Error{Op: "Post", URL: "http://server/x", Err: errors.New("refused")}}, "http://server: tried again: refused\n"},
	} {
		out.Reset()
		log.Warn("tinker: tried again", tt.args...)
		if out.String() != tt.want {
			t.Errorf("%v: got %q, want %q", tt.args, out.String(), tt.want)
		}
	}
	out.Reset()
	if log.Info("quiet"); out.Len() > 0 {
		t.Errorf("printed what is no warning: %q", out.String())
	}
}
