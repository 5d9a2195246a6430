// Package bench measures the engine inside this process: loads, first tokens,
// long prompts, attention by itself and memory, beside what the machine allows
// at most (package machine) and what other servers make of the same loads.
//
// Command tinsmith bench prints what it finds. bench/README.md says how figures
// are to be read and compared; nothing else of the module uses this package.
package bench

import (
	"context"
	"runtime"
	"time"

	"tinsmith.example/internal/bench/machine"
	"tinsmith.example/internal/engine"
)

// Config says what Run measures.
type Config struct {
	Path    string // of the model's file
	Name    string // of the model
	Threads int    // as engine.Options
	Memory  int64  // likewise
	Rounds  int    // at least 1
	Loads   []Load // in the order in which they run
	Peers   []*Peer
	Studies []Study       // after the loads
	For     time.Duration // how long study mixed starts requests; 0: a minute
	// LoadsOnly leaves out what is neither a load nor a limit of the machine:
	// first tokens, long prompts and attention by itself.
	LoadsOnly bool
	// Note is told, in a sentence for people, what has just been measured.
	Note func(format string, args ...any)
}

// Run loads the model and measures. If ctx ends, so does Run, with its cause.
// Other errors are those of engine.Open and Engine.Sample, and *PeerError.
func Run(ctx context.Context, c Config) (*Report, error) {
	b := &run{Config: c, log: newStepLog(), report: Report{Version: Version, Rounds: c.Rounds, Loads: []LoadResult{}, Attention: []Attention{}, Peers: []PeerResult{}}}
	if err := b.open(); err != nil {
		return nil, err
	}
	defer b.engine.Close()
	b.prompts = newPrompts(b.info.VocabSize)
	all := []func(context.Context) error{b.loads, b.studies, b.firstToken, b.longPrefill, b.limits, b.attention}
	if b.LoadsOnly {
		all = []func(context.Context) error{b.loads, b.studies, b.limits}
	}
	for _, measure := range all {
		if err := measure(ctx); err != nil {
			return nil, err
		}
	}
	b.roofs()
	return &b.report, nil
}

// run is one Run on its way.
type run struct {
	Config
	engine  *engine.Engine
	info    engine.Info
	log     *stepLog
	prompts *prompts
	best    [][]engine.StepStats // of each load's best round
	long    []engine.StepStats   // of the long prompt
	report  Report
}

// open loads the model from the page cache.
func (b *run) open() error {
	if err := intoPageCache(b.Path); err != nil {
		return err
	}
	start := time.Now()
	e, err := engine.Open(b.Path, engine.Options{Threads: b.Threads, Memory: b.Memory, OnStep: b.log.note})
	if err != nil {
		return err
	}
	b.report.LoadSeconds = time.Since(start).Seconds()
	b.engine, b.info = e, e.Info()
	b.report.Memory.Loaded, _ = resident()
	b.report.Memory.KVTokens = e.KVTokens()
	b.report.Model = Model{
		Name: b.Name, Architecture: b.info.Architecture, Quantization: b.info.Quantization,
		Parameters: b.info.Parameters, Context: b.info.ContextLength,
	}
	b.report.Machine = Machine{Platform: runtime.GOOS + "/" + runtime.GOARCH, Kernels: b.info.Kernels, Threads: b.info.Threads}
	b.Note("loaded in %.0f ms", 1000*b.report.LoadSeconds)
	return nil
}

// limits measures what the machine can do at most: last of all, since its
// buffer would count as the engine's memory.
func (b *run) limits(ctx context.Context) (err error) {
	m := &b.report.Machine
	if m.ReadRate, err = machine.ReadRate(ctx, m.Threads); err != nil {
		return err
	}
	b.Note("memory: %.1f GB/s", m.ReadRate/1e9)
	m.MultiplyRate, m.Instruction, err = machine.MultiplyRate(ctx, m.Threads, m.Kernels)
	if err == nil {
		b.Note("%s: %.1f G products/s", m.Instruction, m.MultiplyRate/1e9)
	}
	return err
}

func (b *run) attention(ctx context.Context) (err error) {
	b.report.Attention, err = measureAttention(ctx, &b.info, &b.report.Machine, func(a *Attention) {
		b.Note("%s: %.1f G products/s", a.title(), a.MultiplyRate/1e9)
	})
	return err
}

// roofs holds the loads and the long prompt against the machine.
func (b *run) roofs() {
	roof := func(steps []engine.StepStats, tokens int, rate float64) Roofline {
		r := rooflineOf(b.info.Work, &b.report.Machine, steps, tokens)
		r.Share = rate / r.TokensPerSecond
		return r
	}
	if p := b.report.Prefill; p != nil {
		p.Roofline = roof(b.long, p.LongTokens, p.LongRate)
	}
	for i := range b.report.Loads {
		l := &b.report.Loads[i]
		l.Roofline = roof(b.best[i], l.Tokens, l.Rate.Best)
	}
}
