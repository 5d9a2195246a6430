package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"tinsmith.example/internal/engine"
)

const (
	mixedFor     = time.Minute // if Config.For names none
	mixedClients = 24
	mixedParts   = 10 // after each of which a line says how it goes
	mixedGlance  = 100 * time.Millisecond
	mixedStall   = 5 * time.Minute // after the last start, without an answer: it is lost
)

// Mixed is what the engine made of requests of all kinds and sizes.
type Mixed struct {
	Clients  int     `json:"clients"`
	Seconds  float64 `json:"seconds"` // in which requests were started; rates are of these
	Requests Counts  `json:"requests"`
	Rows     Rows    `json:"rows"`
	Cached   int     `json:"cached"` // prompt tokens that finished requests had from the cache
	// Pure are the loads of one kind, PureSeconds is how long Rows would have
	// taken in these, and Share is that of Seconds.
	Pure        Pure       `json:"pure_rows_per_second"`
	PureSeconds float64    `json:"pure_seconds"`
	Share       float64    `json:"share"`
	Resident    Resident   `json:"resident"`
	Goroutines  Goroutines `json:"goroutines"`
	Repeated    Repeated   `json:"repeated"`
}

// Resident is how much memory of the process was resident, in bytes. Where the
// system does not say it is 0.
type Resident struct {
	Start int64   `json:"start_bytes"`
	Parts []int64 `json:"parts_bytes"` // after each tenth of the time
	End   int64   `json:"end_bytes"`   // when the last request had ended
	Most  int64   `json:"most_bytes"`  // that was seen
}

// Goroutines are how many there were before the first client and after the last.
type Goroutines struct {
	Start int `json:"start"`
	End   int `json:"end"`
}

// Repeated is how many requests ran again, each alone on an engine without a
// prefix cache, and how many had other tokens or other bits then.
type Repeated struct {
	Compared  int `json:"compared"`
	Different int `json:"different"`
}

// Fault says which promise was not kept; nil: all were.
func (m *Mixed) Fault() error {
	if m.Requests.Failed > 0 || m.Requests.Lost > 0 || m.Repeated.Different > 0 || m.Goroutines.Start != m.Goroutines.End {
		return fmt.Errorf("of %d requests %d failed and %d were lost; of %d repeated ones %d differ; %d goroutines before, %d after",
			m.Requests.Started, m.Requests.Failed, m.Requests.Lost, m.Repeated.Compared, m.Repeated.Different, m.Goroutines.Start, m.Goroutines.End)
	}
	return nil
}

// mixed runs the clients, then the pure loads, and then some requests again.
func (b *run) mixed(ctx context.Context) error {
	x := newMix(&b.info)
	if x.longest < mixShortest {
		return fmt.Errorf("a context of %d tokens is too small", b.info.ContextLength)
	}
	if err := b.engine.Check(x.largest()); err != nil {
		return err
	}
	m := &Mixed{Clients: mixedClients}
	c := &clients{engine: b.engine, mix: x}
	t, s, err := b.serve(ctx, c, m)
	if err != nil {
		return err
	}
	if c.failure != nil {
		b.Note("mixed: the first failure: %v", c.failure)
	}
	pure, err := b.pure(ctx, x, t, s)
	if err != nil {
		return err
	}
	m.Pure, m.PureSeconds = *pure, pure.seconds(m.Rows)
	m.Share = m.PureSeconds / m.Seconds
	b.Note("mixed: %.0f%% of the pure loads", 100*m.Share)
	b.report.Mixed = m
	return b.repeat(ctx, c, m)
}

// serve lets the clients work, and returns what the steps did while requests
// were started and the shape of what had finished by then.
func (b *run) serve(ctx context.Context, c *clients, m *Mixed) (*tally, shape, error) {
	length := b.For
	if length == 0 {
		length = mixedFor
	}
	m.Goroutines.Start = runtime.NumGoroutine()
	m.Resident.Start, _ = resident()
	b.log.take()
	start := time.Now()
	enough, stop := context.WithTimeout(ctx, length)
	defer stop()
	patient, end := context.WithTimeoutCause(ctx, length+mixedStall, errStall)
	defer end()
	var working sync.WaitGroup
	for range mixedClients {
		working.Go(func() { c.work(patient, enough) })
	}
	t := b.watch(enough, start, length, c, m)
	_, s := c.now()
	working.Wait()
	if ctx.Err() != nil {
		return nil, s, context.Cause(ctx)
	}
	counts, _ := c.now()
	counts.Lost = counts.Started - counts.Finished - counts.Cancelled - counts.Failed
	m.Requests, m.Rows, m.Cached = counts, t.Rows, s.cached
	m.Resident.see()
	m.Resident.End, _ = resident()
	end()
	stop()
	m.Goroutines.End = settled(m.Goroutines.Start)
	b.Note("mixed: %d requests started, %d finished, %d cancelled, %d failed, %d lost",
		counts.Started, counts.Finished, counts.Cancelled, counts.Failed, counts.Lost)
	return t, s, nil
}

// watch adds steps up until enough ends, so that the log stays short, and says
// after each tenth of the time how it goes.
func (b *run) watch(enough context.Context, start time.Time, length time.Duration, c *clients, m *Mixed) *tally {
	t := &tally{}
	glances := time.NewTicker(mixedGlance)
	defer glances.Stop()
	for more := true; more; {
		select {
		case <-glances.C:
		case <-enough.Done():
			more = false
		}
		t.add(b.log.take())
		now := m.Resident.see()
		m.Seconds = time.Since(start).Seconds()
		for part := len(m.Resident.Parts) + 1; part <= mixedParts && m.Seconds >= length.Seconds()*float64(part)/mixedParts; part++ {
			m.Resident.Parts = append(m.Resident.Parts, now)
			counts, _ := c.now()
			b.Note("mixed, %d%%: %d requests finished, %d cancelled, %d failed; %.0f prompt tokens/s, %.0f sampled tokens/s; %.0f MB, %d goroutines",
				100*part/mixedParts, counts.Finished, counts.Cancelled, counts.Failed,
				float64(t.Prompt)/m.Seconds, float64(t.Sampled)/m.Seconds, float64(now)/1e6, runtime.NumGoroutine())
		}
	}
	return t
}

// see looks at the memory and keeps the most.
func (r *Resident) see() int64 {
	now, _ := resident()
	r.Most = max(r.Most, now)
	return now
}

// settled is how many goroutines there are, once they are no more than want or
// have had a second to end.
func settled(want int) int {
	for deadline := time.Now().Add(time.Second); runtime.NumGoroutine() > want && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	return runtime.NumGoroutine()
}

// repeat makes some of the requests again, one at a time, on an engine that
// keeps nothing of one for the next.
func (b *run) repeat(ctx context.Context, c *clients, m *Mixed) (err error) {
	alone, err := engine.Open(b.Path, engine.Options{Threads: b.Threads, Memory: b.Memory, NoPrefixCache: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, alone.Close()) }()
	for _, a := range c.kept.answers {
		result, err := alone.Sample(ctx, &c.mix.request(a.i).Request)
		if err != nil {
			return err
		}
		m.Repeated.Compared++
		if digest(result) != a.digest {
			m.Repeated.Different++
			b.Note("mixed: request %d by itself is another one", a.i)
		}
	}
	b.Note("mixed: %d requests repeated alone, %d of them differ", m.Repeated.Compared, m.Repeated.Different)
	return nil
}
