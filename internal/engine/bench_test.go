package engine_test

import (
	"math/rand/v2"
	"sync"
	"testing"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/testmodel"
)

// BenchmarkLoads runs the four loads of bench/serve_bench.py inside the process
// and reports tokens per second.
//
//	stream1  one greedy sequence of 128 tokens from a 32-token prompt
//	group16  one 64-token prompt, 16 samples of 64 tokens
//	batch32  32 prompts of 64 tokens at once, 64 tokens each
//	score16  log probabilities of 16 prompts of 512 tokens
func BenchmarkLoads(b *testing.B) {
	e := open(b, testmodel.Default(b), engine.Options{})
	r := rand.New(rand.NewPCG(7, 7))
	prompt := func(n int) []int32 {
		p := make([]int32, n)
		for i := range p {
			p[i] = 1000 + r.Int32N(39000)
		}
		return p
	}
	free := engine.Stop{IgnoreEOS: true}
	for _, load := range []struct {
		name     string
		requests int
		tokens   int // that count, of each request
		make     func() *engine.Request
	}{
		{"stream1", 1, 128, func() *engine.Request {
			return &engine.Request{Prompt: prompt(32), NumSamples: 1, MaxTokens: 128, TopP: 1, Stop: free}
		}},
		{"group16", 1, 16 * 64, func() *engine.Request {
			return &engine.Request{Prompt: prompt(64), NumSamples: 16, MaxTokens: 64, Temperature: 1, TopP: 1, Stop: free}
		}},
		{"batch32", 32, 64, func() *engine.Request {
			return &engine.Request{Prompt: prompt(64), NumSamples: 1, MaxTokens: 64, Temperature: 1, TopP: 1, Stop: free}
		}},
		{"score16", 16, 512, func() *engine.Request {
			return &engine.Request{Prompt: prompt(512), NumSamples: 1, MaxTokens: 1, TopP: 1, PromptLogprobs: true}
		}},
	} {
		b.Run(load.name, func(b *testing.B) {
			for b.Loop() {
				var wg sync.WaitGroup
				for range load.requests {
					q := load.make()
					wg.Go(func() { sample(b, e, q) })
				}
				wg.Wait()
			}
			b.ReportMetric(float64(b.N*load.requests*load.tokens)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}
