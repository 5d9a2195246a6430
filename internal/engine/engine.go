// Package engine turns requests for samples and log probabilities into tokens.
//
// It loads a model, owns the one goroutine that runs it, and is where package
// server hands in its work. Below it lie sched (what runs next), model (the
// forward pass), kernel (its arithmetic), kv (the cache) and sample (logits to
// token). It knows nothing of HTTP or of the wire's messages.
//
// The answer to a request is a function of the model, the prompt, the
// parameters and the seed. What else runs, on how many threads, and how prompts
// are cut into steps changes how long it takes, and not one bit of it.
package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"

	"tinsmith.example/internal/cpu"
	"tinsmith.example/internal/engine/kernel"
	"tinsmith.example/internal/engine/kv"
	"tinsmith.example/internal/engine/model"
	"tinsmith.example/internal/engine/sample"
	"tinsmith.example/internal/engine/sched"
	"tinsmith.example/internal/engine/team"
	"tinsmith.example/internal/tokenizer"
	"tinsmith.example/internal/weights/gguf"
)

// Options configure an engine. The zero value is useful.
type Options struct {
	// Threads is how many threads compute, 1 to MaxThreads. 0: as many as
	// GOMAXPROCS, which is best. It does not change any result.
	Threads int
	// Memory is what the KV cache may take, in bytes: keys, values and hidden
	// states of all running sequences together and, in what these leave, of
	// earlier ones. 0: FreeMemory()/2 when the model is loaded. Memory is taken
	// as it is first used. Requests that do not fit beside others wait; one
	// that would not fit alone is refused.
	Memory int64
	// KVTokens bounds the same in tokens, rounded down to blocks of 32, within
	// what Memory allows. 0: Memory alone bounds it.
	KVTokens int
	// NoPrefixCache keeps nothing of a request for later ones. It does not
	// change any result but Result.CacheHitTokens.
	NoPrefixCache bool
	// StepTokens is the most tokens of one step of the model: 0 (256) or at
	// least 2. It does not change any result.
	StepTokens int
	// OnStep is called after every step, before what it gave is handed on: when
	// Sample returns, its steps have been told. It runs on the engine's own
	// goroutine, so that it must be quick and must not call the engine. nil:
	// nothing is counted.
	OnStep func(StepStats)
	// ChunkTokens is the most prompt tokens of one step. 0: StepTokens. It does
	// not change any result.
	ChunkTokens int
}

// MaxThreads is the most threads of an engine.
const MaxThreads = 256

const (
	defaultStepTokens = 256
	minPrefill        = 24 // prompt tokens of a step beside running samples
)

// The scheduler counts in blocks of the size that the kernels lay out; neither
// knows the other, so this holds them together. It does not compile otherwise.
var _ [kv.BlockPositions]struct{} = [kernel.BlockPositions]struct{}{}

// Engine is a loaded model. Its methods may be called by any number of
// goroutines at once.
type Engine struct {
	file      *gguf.File
	model     *model.Model
	team      *team.Team
	tokenizer *tokenizer.Tokenizer
	info      Info
	pool      *kv.Pool
	capacity  int // blocks of the KV cache

	loop loop

	identity identity

	mu      sync.Mutex // guards the next three
	closed  bool
	inbox   inbox
	running map[*Request]*call // what Sample has not returned from; of one request that runs twice, the later call
	news    chan struct{}
	quit    context.CancelCauseFunc
	ended   chan struct{} // the loop has returned
}

// Open loads the GGUF file at path.
func Open(path string, o Options) (*Engine, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if _, err := cpu.Chosen(); err != nil {
		return nil, err
	}
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	e, err := open(f, o)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return e, nil
}

func (o Options) check() error {
	switch {
	case o.Threads < 0 || o.Threads > MaxThreads:
		return &ArgumentError{"threads", o.Threads, fmt.Sprintf("must be 0 (one per CPU) to %d", MaxThreads)}
	case o.KVTokens < 0:
		return &ArgumentError{"KV cache", o.KVTokens, "must be at least 0 tokens"}
	case o.Memory < 0:
		return &ArgumentError{"memory", o.Memory, "must be at least 0 bytes"}
	case o.ChunkTokens < 0:
		return &ArgumentError{"chunk tokens", o.ChunkTokens, "must be at least 0"}
	case o.StepTokens < 0 || o.StepTokens == 1:
		return &ArgumentError{"step tokens", o.StepTokens, "must be 0 or at least 2"}
	}
	return nil
}

func open(f *gguf.File, o Options) (*Engine, error) {
	tok, err := readTokenizer(f)
	if err != nil {
		return nil, err
	}
	kernel.Chosen() // before anything is computed
	threads := o.Threads
	if threads == 0 {
		threads = min(runtime.GOMAXPROCS(0), MaxThreads)
	}
	t := team.New(threads)
	m, err := model.Load(f, t)
	if err != nil {
		t.Close()
		return nil, err
	}
	_ = f.Release() // the matrices have been copied; what stays only costs memory
	e := &Engine{file: f, model: m, team: t, tokenizer: tok, info: describe(f, m, tok)}
	e.info.Threads = threads
	e.identity.turn = make(chan struct{}, 1)
	if e.capacity = o.blocks(m.BlockSize()); e.capacity < 1 {
		t.Close()
		_ = m.Close()
		return nil, &ArgumentError{"KV cache", fmt.Sprintf("%d tokens", e.capacity*kv.BlockPositions), fmt.Sprintf(
			"must be at least one block of %d tokens, which takes %d bytes", kv.BlockPositions, m.BlockSize().Bytes())}
	}
	e.start(o)
	return e, nil
}

// blocks is how many blocks of the KV cache the options allow.
func (o Options) blocks(size kv.Size) int {
	memory := o.Memory
	if memory == 0 {
		memory = FreeMemory() / 2
	}
	n := min(memory/int64(size.Bytes()), math.MaxInt/kv.BlockPositions) // so that tokens can be counted
	if o.KVTokens > 0 {
		n = min(n, int64(o.KVTokens/kv.BlockPositions))
	}
	return int(n)
}

func describe(f *gguf.File, m *model.Model, tok *tokenizer.Tokenizer) Info {
	arch, _ := f.String("general.architecture")
	info := Info{
		Architecture:  arch,
		Quantization:  m.WeightType.String(),
		Parameters:    m.Parameters,
		ContextLength: m.Context,
		Heads:         m.Heads,
		KVHeads:       m.KVHeads,
		HeadDim:       m.HeadDim,
		Work:          m.Work(),
		VocabSize:     m.Vocab,
		BOS:           tok.BOS(),
	}
	level, fault := kernel.Chosen()
	info.Kernels, info.KernelFault = level.String(), fault
	if eos := tok.EOS(); eos >= 0 {
		info.EOS = append(info.EOS, eos)
	}
	if eot, err := f.Uint("tokenizer.ggml.eot_token_id"); err == nil && eot < uint64(m.Vocab) && int32(eot) != tok.EOS() {
		info.EOS = append(info.EOS, int32(eot))
	}
	return info
}

// start starts the loop goroutine.
func (e *Engine) start(o Options) {
	ctx, quit := context.WithCancelCause(context.Background())
	e.quit = quit
	e.news = make(chan struct{}, 1)
	e.ended = make(chan struct{})
	e.running = map[*Request]*call{}
	stepTokens := cmp.Or(o.StepTokens, defaultStepTokens)
	e.pool = kv.NewPool(e.model.BlockSize(), e.capacity)
	newSched := func() *sched.Scheduler {
		e.pool.Reset()
		return sched.New(sched.Config{
			MaxTokens:   stepTokens,
			MaxSamples:  stepTokens / 2,
			MinPrefill:  min(minPrefill, stepTokens/2),
			MaxPrefill:  o.ChunkTokens,
			FarPosition: e.model.FarPosition(),
			NoCache:     o.NoPrefixCache,
		}, e.pool)
	}
	e.loop = loop{
		runner:    model.NewRunner(e.model, e.team, stepTokens),
		sched:     newSched(),
		newSched:  newSched,
		tokenizer: e.tokenizer,
		calls:     map[*sched.Group]*call{},
		rows:      make([]sample.Row, e.team.Size()),
		onStep:    o.OnStep,
	}
	go func() {
		defer close(e.ended)
		e.serve(ctx)
	}()
}

// Info describes the model.
func (e *Engine) Info() Info { return e.info }

// KVTokens is how many tokens the KV cache has room for, those of running
// sequences and those that are kept for later ones together.
func (e *Engine) KVTokens() int { return e.capacity * kv.BlockPositions }

// KVBytes is what that takes when all of it is in use.
func (e *Engine) KVBytes() int64 { return int64(e.capacity) * int64(e.model.BlockSize().Bytes()) }

// Tokenizer is the model's own.
func (e *Engine) Tokenizer() *tokenizer.Tokenizer { return e.tokenizer }

// Sample runs r beside whatever else is running and returns when it is done.
// If ctx ends first, the work stops at the next step, its memory is freed, and
// Sample returns ctx's cause. Errors: *ArgumentError, *NonFiniteError,
// *PanicError, ErrClosed.
func (e *Engine) Sample(ctx context.Context, r *Request) (*Result, error) {
	if err := e.Check(r); err != nil {
		return nil, err
	}
	c, err := newCall(r, e.info, e.maxTokens(r))
	if err != nil {
		return nil, err
	}
	if !e.submit(c) {
		return nil, ErrClosed
	}
	defer e.leave(c)
	select {
	case <-c.done:
		return c.result, c.err
	case <-ctx.Done():
		e.withdraw(c)
		return nil, context.Cause(ctx)
	}
}

// Close fails what is still running with ErrClosed, waits for the engine's
// goroutines, and unmaps the model. It is idempotent.
func (e *Engine) Close() error {
	e.mu.Lock()
	first := !e.closed
	e.closed = true
	e.mu.Unlock()
	e.quit(ErrClosed)
	<-e.ended
	if !first {
		return nil
	}
	e.identity.turn <- struct{}{} // nobody reads the file any more
	defer func() { <-e.identity.turn }()
	e.team.Close()
	return errors.Join(e.pool.Close(), e.model.Close(), e.file.Close())
}
