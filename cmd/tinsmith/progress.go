package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"tinsmith.example/internal/catalog"
)

// fetch finds the model called name, and fetches it if it is not here. What it
// fetches shows on standard error: as a bar on a terminal, as a line now and
// then elsewhere.
func fetch(ctx context.Context, std *stdio, name string) (catalog.Resolved, error) {
	config, err := catalog.FromEnv()
	if err != nil {
		return catalog.Resolved{}, err
	}
	p := &progress{w: std.remarks(), bars: !std.quiet && std.errTakesBars()}
	defer p.end()
	return catalog.New(config).Resolve(ctx, name, catalog.PullOptions{Progress: p.event})
}

// A progress shows the events of one model's way to this machine.
type progress struct {
	w     io.Writer
	bars  bool
	meter meter  // of the running stage; nil: it has none
	of    string // source and stage that meter is for
}

// A meter shows how much of something is done. A total of 0 is not known yet.
type meter interface {
	set(done, total int64)
	end()
}

// event is a function for [catalog.PullOptions].
func (p *progress) event(e catalog.ProgressEvent) {
	switch e.Stage {
	case catalog.StageWait:
		p.once(e, "%s: another process fetches it; waiting", e.Model)
	case catalog.StageConnect:
		p.once(e, "%s: asking %s", e.Model, e.Source)
	case catalog.StageDownload:
		p.show(e, "%s from %s", e.Model, e.Source)
	case catalog.StageExtract:
		p.show(e, "%s: unpacking", e.Model)
	case catalog.StageFailed:
		p.end()
		fmt.Fprintf(p.w, "%s: not from %s: %s\n", e.Model, e.Source, inOneLine(e.Err))
	case catalog.StageDone:
		p.end()
		fmt.Fprintf(p.w, "%s: fetched, and its checksum is right\n", e.Model)
	}
}

// once prints a line if e is the first event of its stage.
func (p *progress) once(e catalog.ProgressEvent, format string, args ...any) {
	if p.begins(e) {
		fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// show sets the stage's meter, which e makes if it is the stage's first event.
func (p *progress) show(e catalog.ProgressEvent, format string, args ...any) {
	if p.begins(e) {
		title := fmt.Sprintf(format, args...)
		if p.bars {
			p.meter = newBar(p.w, title)
		} else {
			p.meter = newLines(p.w, title)
		}
	}
	p.meter.set(e.Done, e.Total)
}

// begins says whether e is another stage than the one before, whose meter it
// ends.
func (p *progress) begins(e catalog.ProgressEvent) bool {
	of := string(e.Source) + string(e.Stage)
	if p.of == of {
		return false
	}
	p.end()
	p.of = of
	return true
}

// end takes the meter off the screen, whatever it shows.
func (p *progress) end() {
	if p.meter != nil {
		p.meter.end()
	}
	p.meter, p.of = nil, ""
}

// A bar draws one line of a terminal again and again.
type bar struct {
	screen *mpb.Progress
	bar    *mpb.Bar
}

func newBar(w io.Writer, title string) *bar {
	screen := mpb.New(mpb.WithOutput(w), mpb.WithAutoRefresh(), mpb.WithWidth(40))
	return &bar{screen, screen.New(0, mpb.BarStyle(),
		mpb.PrependDecorators(decor.Name(title+" ")),
		mpb.AppendDecorators(
			decor.Counters(decor.SizeB1000(0), " % .1f / % .1f"),
			decor.AverageSpeed(decor.SizeB1000(0), " % .1f"),
			decor.AverageETA(decor.ET_STYLE_GO, decor.WCSyncSpace),
		),
	)}
}

func (b *bar) set(done, total int64) {
	b.bar.SetTotal(total, false)
	b.bar.SetCurrent(done)
}

func (b *bar) end() {
	b.bar.Abort(false)
	b.screen.Wait()
}

// lines prints a line at each tenth of the way, and at most one each second.
type lines struct {
	w     io.Writer
	title string
	tenth int64
	last  time.Time
}

func newLines(w io.Writer, title string) *lines { return &lines{w: w, title: title} }

func (l *lines) set(done, total int64) {
	if total <= 0 {
		return
	}
	tenth := done * 10 / total
	if tenth <= l.tenth || done < total && time.Since(l.last) < time.Second {
		return
	}
	l.tenth, l.last = tenth, time.Now()
	fmt.Fprintf(l.w, "%s: %.1f of %.1f MB\n", l.title, float64(done)/1e6, float64(total)/1e6)
}

func (l *lines) end() {}
