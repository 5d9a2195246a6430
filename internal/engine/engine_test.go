package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/engine/kv"
	"tinsmith.example/internal/testmodel"
	"tinsmith.example/internal/tinymodel"
	"tinsmith.example/internal/weights/gguf"
)

func open(t testing.TB, path string, o engine.Options) *engine.Engine {
	t.Helper()
	e, err := engine.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func sample(t testing.TB, e *engine.Engine, r *engine.Request) *engine.Result {
	t.Helper()
	got, err := e.Sample(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func seed(s uint64) *uint64 { return &s }

// bits is everything of a result that must not change, as text.
func bits(r *engine.Result) string {
	var b strings.Builder
	hex := func(x []float32) {
		for _, v := range x {
			fmt.Fprintf(&b, " %08x", math.Float32bits(v))
		}
	}
	tops := func(rows [][]engine.TokenLogprob) {
		for _, row := range rows {
			for _, top := range row {
				fmt.Fprintf(&b, " %d:%08x", top.ID, math.Float32bits(top.Logprob))
			}
		}
	}
	fmt.Fprintf(&b, "seed %d", r.Seed)
	hex(r.PromptLogprobs)
	tops(r.TopKPromptLogprobs)
	for _, row := range r.TargetPromptLogprobs {
		b.WriteString("\ntargets")
		hex(row)
	}
	if r.PromptAltTokens != nil {
		b.WriteString("\nalternatives")
		tops(r.PromptAltTokens)
	}
	for _, q := range r.Sequences {
		fmt.Fprintf(&b, "\n%v %v", q.Stop, q.Tokens)
		hex(q.Logprobs)
		tops(q.TopK)
	}
	return b.String()
}

// requests are n of many kinds.
func requests(r *rand.Rand, n, vocab, context int) []*engine.Request {
	all := make([]*engine.Request, n)
	for i := range all {
		q := &engine.Request{
			Prompt:      make([]int32, 1+r.IntN(context*3/5)),
			NumSamples:  1 + r.IntN(4),
			MaxTokens:   1 + r.IntN(context/5),
			Temperature: []float64{0, 0.7, 1, 1, 1.5}[r.IntN(5)],
			TopK:        []int{0, 0, 1, 20}[r.IntN(4)],
			TopP:        []float64{1, 1, 0.9}[r.IntN(3)],
			Seed:        seed(r.Uint64()),
			Stop:        engine.Stop{IgnoreEOS: r.IntN(2) == 0},
		}
		for j := range q.Prompt {
			q.Prompt[j] = r.Int32N(int32(vocab))
		}
		if r.IntN(2) == 0 {
			q.PromptLogprobs = true
			q.TopKPromptLogprobs = r.IntN(4)
		}
		q.TopKSampleLogprobs = r.IntN(3)
		all[i] = q
	}
	return all
}

// TestOneAnswer is the first promise: the bits of an answer depend on the
// request alone. Threads, the size of steps, what else runs and how much memory
// there is make no difference.
func TestOneAnswer(t *testing.T) {
	path := testmodel.Tiny(t, tinymodel.Options{})
	info := open(t, path, engine.Options{Threads: 1}).Info()
	all := requests(rand.New(rand.NewPCG(1, 1)), 24, info.VocabSize, 700)
	for i := 0; i < len(all); i += 3 {
		all[i].MinP = 0.05
	}
	want := make([]string, len(all))
	alone := open(t, path, engine.Options{Threads: 1})
	for i, q := range all {
		want[i] = bits(sample(t, alone, q))
	}
	for _, o := range []engine.Options{
		{Threads: 1, StepTokens: 7},
		{Threads: 2},
		{Threads: 2, StepTokens: 2},
		{Threads: 2, StepTokens: 64, KVTokens: 2048},
		{Threads: 3, StepTokens: 512},
	} {
		t.Run(fmt.Sprintf("threads=%d,step=%d,kv=%d", o.Threads, o.StepTokens, o.KVTokens), func(t *testing.T) {
			e := open(t, path, o)
			var wg sync.WaitGroup
			for i, q := range all {
				wg.Go(func() {
					got, err := e.Sample(t.Context(), q)
					if err != nil {
						t.Error(err)
					} else if bits(got) != want[i] {
						t.Errorf("request %d beside others: got\n%s\nwant\n%s", i, bits(got), want[i])
					}
				})
			}
			wg.Wait()
		})
	}
}

// TestOneAnswerOnTheRealModel is the same with fewer cases on real shapes.
func TestOneAnswerOnTheRealModel(t *testing.T) {
	path := testmodel.Default(t)
	one, two := open(t, path, engine.Options{Threads: 1}), open(t, path, engine.Options{Threads: 2, StepTokens: 48})
	all := requests(rand.New(rand.NewPCG(2, 2)), 6, one.Info().VocabSize, 100)
	var wg sync.WaitGroup
	for i, q := range all {
		wg.Go(func() {
			beside, err := two.Sample(t.Context(), q)
			if err != nil {
				t.Error(err)
				return
			}
			if alone := sample(t, one, q); bits(alone) != bits(beside) {
				t.Errorf("request %d: alone\n%s\nbeside others\n%s", i, bits(alone), bits(beside))
			}
		})
	}
	wg.Wait()
}

// TestSampledIsComputed is the second promise: scoring a prompt and a sample
// gives the sample's own log probabilities, bit for bit.
func TestSampledIsComputed(t *testing.T) {
	for name, path := range map[string]func(t testing.TB) string{
		"tiny": func(t testing.TB) string { return testmodel.Tiny(t, tinymodel.Options{}) },
		"real": testmodel.Default,
	} {
		t.Run(name, func(t *testing.T) {
			e := open(t, path(t), engine.Options{})
			for i, q := range requests(rand.New(rand.NewPCG(3, 3)), 6, e.Info().VocabSize, 150) {
				q.MaxTokens = 40
				for s, seq := range sample(t, e, q).Sequences {
					scored := sample(t, e, &engine.Request{
						Prompt: slices.Concat(q.Prompt, seq.Tokens), NumSamples: 1, MaxTokens: 1, TopP: 1, PromptLogprobs: true,
					})
					for j, got := range scored.PromptLogprobs[len(q.Prompt):] {
						if math.Float32bits(got) != math.Float32bits(seq.Logprobs[j]) {
							t.Fatalf("request %d, sample %d, token %d: sampled with %v, computed %v", i, s, j, seq.Logprobs[j], got)
						}
					}
				}
			}
		})
	}
}

// TestSeedReproducesAndGroupsArePrefixStable: the same seed gives the same
// samples, the first four of eight are the four, and another seed gives others.
func TestSeedReproducesAndGroupsArePrefixStable(t *testing.T) {
	e := open(t, testmodel.Tiny(t, tinymodel.Options{}), engine.Options{})
	draw := func(n int, s *uint64) *engine.Result {
		return sample(t, e, &engine.Request{Prompt: []int32{5, 6, 7}, NumSamples: n, MaxTokens: 20, Temperature: 1, TopP: 1, Seed: s})
	}
	eight, four := draw(8, seed(9)), draw(4, seed(9))
	for i := range four.Sequences {
		if !slices.Equal(four.Sequences[i].Tokens, eight.Sequences[i].Tokens) {
			t.Errorf("sample %d of 4 is not sample %d of 8", i, i)
		}
	}
	if slices.Equal(eight.Sequences[0].Tokens, eight.Sequences[1].Tokens) {
		t.Error("two samples of a group are the same")
	}
	if bits(draw(4, seed(10))) == bits(four) {
		t.Error("another seed gives the same samples")
	}
	drawn := draw(4, nil)
	if again := draw(4, &drawn.Seed); bits(again) != bits(drawn) {
		t.Errorf("seed %d was reported and does not reproduce the samples", drawn.Seed)
	}
}

func TestStops(t *testing.T) {
	e := open(t, testmodel.Tiny(t, tinymodel.Options{}), engine.Options{})
	request := func(s engine.Stop) *engine.Request {
		return &engine.Request{Prompt: []int32{40, 41, 42}, NumSamples: 1, MaxTokens: 60, Temperature: 1, TopP: 1, Seed: seed(4), Stop: s}
	}
	full := sample(t, e, request(engine.Stop{IgnoreEOS: true})).Sequences[0]
	if full.Stop != engine.StopLength || len(full.Tokens) != 60 {
		t.Fatalf("without stops: %d tokens, %v", len(full.Tokens), full.Stop)
	}
	at := 10
	byToken := sample(t, e, request(engine.Stop{IgnoreEOS: true, Tokens: full.Tokens[at : at+1]})).Sequences[0]
	first := slices.Index(full.Tokens, full.Tokens[at])
	if byToken.Stop != engine.StopStop || !slices.Equal(byToken.Tokens, full.Tokens[:first+1]) {
		t.Errorf("stop token %d: got %v, %v; want the first %d of %v", full.Tokens[at], byToken.Tokens, byToken.Stop, first+1, full.Tokens)
	}
	var text []byte
	for _, id := range full.Tokens[at : at+3] {
		text = append(text, e.Tokenizer().TokenBytes(id)...)
	}
	byText := sample(t, e, request(engine.Stop{IgnoreEOS: true, Strings: []string{string(text)}})).Sequences[0]
	if byText.Stop != engine.StopStop || len(byText.Tokens) > at+3 || !slices.Equal(byText.Tokens, full.Tokens[:len(byText.Tokens)]) {
		t.Errorf("stop string %q: got %v, %v; want a prefix of %v", text, byText.Tokens, byText.Stop, full.Tokens)
	}
	var stopped []byte
	for _, id := range byText.Tokens {
		stopped = append(stopped, e.Tokenizer().TokenBytes(id)...)
	}
	if !strings.HasSuffix(string(stopped), string(text)) {
		t.Errorf("the text %q does not end with the stop string %q", stopped, text)
	}
}

func TestArgumentErrorsNameFieldValueAndLimit(t *testing.T) {
	e := open(t, testmodel.Tiny(t, tinymodel.Options{}), engine.Options{KVTokens: 512})
	context := e.Info().ContextLength
	for _, tt := range []struct {
		name   string
		change func(*engine.Request)
		field  string
		says   string
	}{
		{"empty prompt", func(r *engine.Request) { r.Prompt = nil }, "prompt", "at least one"},
		{"id too large", func(r *engine.Request) { r.Prompt = []int32{1, 300} }, "prompt[1]", "0 to 299"},
		{"negative id", func(r *engine.Request) { r.Prompt = []int32{-1} }, "prompt[0]", "0 to 299"},
		{"prompt beyond context", func(r *engine.Request) { r.Prompt = make([]int32, context+1) }, "prompt", fmt.Sprint(context)},
		{"prompt and max_tokens beyond context", func(r *engine.Request) { r.MaxTokens = context }, "prompt", "context window"},
		{"max_tokens that overflow when added", func(r *engine.Request) { r.MaxTokens = math.MaxInt }, "prompt", "context window"},
		{"no samples", func(r *engine.Request) { r.NumSamples = 0 }, "num_samples", "1 to 1024"},
		{"too many samples", func(r *engine.Request) { r.NumSamples = 1025 }, "num_samples", "1 to 1024"},
		{"negative max_tokens", func(r *engine.Request) { r.MaxTokens = -1 }, "max_tokens", "at least 1"},
		{"negative temperature", func(r *engine.Request) { r.Temperature = -0.1 }, "temperature", "at least 0"},
		{"NaN temperature", func(r *engine.Request) { r.Temperature = math.NaN() }, "temperature", "finite"},
		{"infinite temperature", func(r *engine.Request) { r.Temperature = math.Inf(1) }, "temperature", "finite"},
		{"negative top_k", func(r *engine.Request) { r.TopK = -2 }, "top_k", "at least 1"},
		{"top_p 0", func(r *engine.Request) { r.TopP = 0 }, "top_p", "more than 0"},
		{"top_p 2", func(r *engine.Request) { r.TopP = 2 }, "top_p", "at most 1"},
		{"NaN top_p", func(r *engine.Request) { r.TopP = math.NaN() }, "top_p", "more than 0"},
		{"negative min_p", func(r *engine.Request) { r.MinP = -0.1 }, "min_p", "0 to 1"},
		{"min_p above 1", func(r *engine.Request) { r.MinP = 1.1 }, "min_p", "0 to 1"},
		{"NaN min_p", func(r *engine.Request) { r.MinP = math.NaN() }, "min_p", "0 to 1"},
		{"too large a top-k of the prompt", func(r *engine.Request) { r.TopKPromptLogprobs = 129 }, "topk_prompt_logprobs", "128"},
		{"negative top-k of samples", func(r *engine.Request) { r.TopKSampleLogprobs = -1 }, "topk_sample_logprobs", "0 to"},
		{"more top-k values than anyone can hold", func(r *engine.Request) {
			r.NumSamples, r.MaxTokens, r.TopKSampleLogprobs = 1024, 400, 128
		}, "topk_sample_logprobs", "16777216"},
		{"empty stop string", func(r *engine.Request) { r.Stop.Strings = []string{"a", ""} }, "stop[1]", "1 to 1024"},
		{"stop token out of range", func(r *engine.Request) { r.Stop.Tokens = []int32{300} }, "stop[0]", "0 to 299"},
		{"too many stops", func(r *engine.Request) { r.Stop.Tokens = make([]int32, 65) }, "stop", "64"},
		{"more than the KV cache holds", func(r *engine.Request) { r.MaxTokens = 600 }, "max_tokens", "512"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &engine.Request{Prompt: []int32{1, 2}, NumSamples: 1, MaxTokens: 4, TopP: 1}
			if err := e.Check(r); err != nil {
				t.Fatalf("the request before the change: %v", err)
			}
			tt.change(r)
			_, err := e.Sample(t.Context(), r)
			var arg *engine.ArgumentError
			if !errors.As(err, &arg) || arg.Field != tt.field || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v (%T), want an ArgumentError of %q that says %q", err, err, tt.field, tt.says)
			}
		})
	}
}

// TestCancelledWorkLeavesTheOthersAlone withdraws half of the requests at
// random moments; the others get what they get alone, and the engine can go on.
func TestCancelledWorkLeavesTheOthersAlone(t *testing.T) {
	e := open(t, testmodel.Tiny(t, tinymodel.Options{}), engine.Options{KVTokens: 2048})
	r := rand.New(rand.NewPCG(5, 5))
	all := requests(r, 30, e.Info().VocabSize, 600)
	want := make([]string, len(all))
	for i, q := range all {
		want[i] = bits(sample(t, e, q))
	}
	gone := errors.New("gone")
	var wg sync.WaitGroup
	for i, q := range all {
		ctx, cancel := context.WithCancelCause(t.Context())
		if i%2 == 0 {
			time.AfterFunc(time.Duration(r.IntN(20))*time.Millisecond, func() { cancel(gone) })
		}
		wg.Go(func() {
			defer cancel(nil)
			got, err := e.Sample(ctx, q)
			switch {
			case i%2 == 0 && errors.Is(err, gone):
			case err != nil:
				t.Error(err)
			case bits(got) != want[i]:
				t.Errorf("request %d changed", i)
			}
		})
	}
	wg.Wait()
}

// TestReturnedRequestsAreTheCallersAgain: once Sample has returned, cancelled or
// not, nobody reads the request any more. The race detector sees it if not.
func TestReturnedRequestsAreTheCallersAgain(t *testing.T) {
	e := open(t, testmodel.Tiny(t, tinymodel.Options{}), engine.Options{Threads: 1})
	for range 20 {
		r := &engine.Request{Prompt: make([]int32, 900), NumSamples: 1, MaxTokens: 4, TopP: 1, PromptLogprobs: true}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if _, err := e.Sample(ctx, r); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		cancel()
		for i := range r.Prompt {
			r.Prompt[i] = -1
		}
		r.NumSamples = 0
	}
}

// TestMissingMaxTokensIsWhatThereIsRoomFor: the context's rest, or the KV
// cache's.
func TestMissingMaxTokensIsWhatThereIsRoomFor(t *testing.T) {
	for _, tt := range []struct{ prompt, kv, want int }{
		{10, 0, 1014}, {1000, 0, 24}, {10, 512, 471}, {32, 512, 481}, {500, 512, 1},
	} {
		e := open(t, testmodel.Tiny(t, tinymodel.Options{}), engine.Options{KVTokens: tt.kv})
		got := sample(t, e, &engine.Request{Prompt: make([]int32, tt.prompt), NumSamples: 1, TopP: 1, Temperature: 1, Seed: seed(1), Stop: engine.Stop{IgnoreEOS: true}})
		if n := len(got.Sequences[0].Tokens); n != tt.want {
			t.Errorf("prompt of %d, KV cache of %d tokens: %d sampled, want %d", tt.prompt, tt.kv, n, tt.want)
		}
	}
}

func TestCloseFailsWhatRuns(t *testing.T) {
	e, err := engine.Open(testmodel.Tiny(t, tinymodel.Options{}), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := &engine.Request{Prompt: []int32{1}, NumSamples: 64, MaxTokens: 900, Temperature: 1, TopP: 1, Stop: engine.Stop{IgnoreEOS: true}}
	failed := make(chan error)
	go func() {
		_, err := e.Sample(context.Background(), r)
		failed <- err
	}()
	time.Sleep(20 * time.Millisecond)
	if err := errors.Join(e.Close(), e.Close()); err != nil {
		t.Error(err)
	}
	if err := <-failed; !errors.Is(err, engine.ErrClosed) {
		t.Errorf("the running request got %v, want ErrClosed", err)
	}
	if _, err := e.Sample(t.Context(), r); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("a later one got %v, want ErrClosed", err)
	}
}

// damaged is a tiny model with one change to its tensors' bytes.
func damaged(t *testing.T, change func(f *gguf.File)) string {
	t.Helper()
	data, err := os.ReadFile(testmodel.Tiny(t, tinymodel.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	change(f)
	path := filepath.Join(t.TempDir(), "damaged.gguf")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func fill(t *testing.T, f *gguf.File, name string, bytes ...byte) {
	t.Helper()
	tensor, ok := f.Tensor(name)
	if !ok {
		t.Fatalf("no tensor %s", name)
	}
	for i := range tensor.Data {
		tensor.Data[i] = bytes[i%len(bytes)]
	}
}

// TestOverflowFailsByName: weights that are finite and give infinities fail the
// request and not the engine.
func TestOverflowFailsByName(t *testing.T) {
	e := open(t, damaged(t, func(f *gguf.File) { fill(t, f, "blk.0.ffn_norm.weight", 0, 0, 0x7f, 0x7f) }), engine.Options{})
	for range 2 {
		_, err := e.Sample(t.Context(), &engine.Request{Prompt: []int32{1, 2, 3}, NumSamples: 2, MaxTokens: 4, TopP: 1})
		var bad *engine.NonFiniteError
		if !errors.As(err, &bad) {
			t.Fatalf("got %v, want a NonFiniteError", err)
		}
	}
}

func TestNonFiniteWeightsAreRefused(t *testing.T) {
	for _, name := range []string{"blk.1.attn_norm.weight", "blk.0.ffn_up.weight", "token_embd.weight"} {
		path := damaged(t, func(f *gguf.File) { fill(t, f, name, 0xc0, 0x7f, 0xc0, 0x7f) })
		if _, err := engine.Open(path, engine.Options{}); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "finite") {
			t.Errorf("NaN in %s: got %v, want an error that names it", name, err)
		}
	}
}

func TestWrongOptionsAreRefused(t *testing.T) {
	path := testmodel.Tiny(t, tinymodel.Options{})
	for _, o := range []engine.Options{{Threads: -1}, {Threads: 257}, {KVTokens: -1}, {KVTokens: 31}, {Memory: -1}, {Memory: 1000}, {ChunkTokens: -1}, {StepTokens: 1}, {StepTokens: -1}} {
		_, err := engine.Open(path, o)
		var arg *engine.ArgumentError
		if !errors.As(err, &arg) {
			t.Errorf("%+v: got %v, want an ArgumentError", o, err)
		}
	}
}

// TestTheCacheKeepsToMemoryAndTokens: to the tighter of both, and without a word
// about memory to half of what is free, however many tokens are asked for.
func TestTheCacheKeepsToMemoryAndTokens(t *testing.T) {
	path := testmodel.Tiny(t, tinymodel.Options{})
	for _, tt := range []struct {
		options   engine.Options
		want      int // 0: not the same everywhere
		mostBytes int64
	}{
		{engine.Options{KVTokens: 1000}, 992, 1 << 30},
		{engine.Options{KVTokens: 992, Memory: math.MaxInt64}, 992, 1 << 30},
		{engine.Options{KVTokens: 1 << 20, Memory: 1 << 20}, 1024, 1 << 20},
		{engine.Options{KVTokens: math.MaxInt}, 0, engine.FreeMemory() + 1<<30}, // which others change meanwhile
		{engine.Options{Memory: math.MaxInt64}, 0, math.MaxInt64},
	} {
		e := open(t, path, tt.options)
		if n := e.KVTokens(); n < kv.BlockPositions || tt.want > 0 && n != tt.want {
			t.Errorf("%+v: %d tokens, want %d", tt.options, n, tt.want)
		}
		if n := e.KVBytes(); n <= 0 || n > tt.mostBytes {
			t.Errorf("%+v: %d bytes, want at most %d", tt.options, n, tt.mostBytes)
		}
	}
}

func TestWrongModelsAreRefused(t *testing.T) {
	if _, err := engine.Open(filepath.Join(t.TempDir(), "none.gguf"), engine.Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	path := filepath.Join(t.TempDir(), "short.gguf")
	data, err := os.ReadFile(testmodel.Tiny(t, tinymodel.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data[:len(data)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	var format *gguf.FormatError
	if _, err := engine.Open(path, engine.Options{}); !errors.As(err, &format) {
		t.Errorf("half a file: %v", err)
	}
}
