package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/testmodel"
	"tinsmith.example/internal/tinymodel"
)

// related are n requests of all kinds whose prompts begin alike, are the same,
// or go on where a sample of another one ended.
func related(t *testing.T, r *rand.Rand, alone *engine.Engine, n int) (all []*engine.Request, want []string) {
	t.Helper()
	vocab := int32(alone.Info().VocabSize)
	var texts [][]int32 // that prompts begin with
	for range n {
		q := &engine.Request{
			NumSamples:  1 + r.IntN(1+r.IntN(6)),
			MaxTokens:   1 + r.IntN(1+r.IntN(50)),
			Temperature: []float64{0, 0.7, 1, 1, 1.5}[r.IntN(5)],
			TopK:        []int{0, 0, 1, 20}[r.IntN(4)],
			TopP:        []float64{1, 1, 0.9}[r.IntN(3)],
			MinP:        []float64{0, 0, 0.05, 0.6}[r.IntN(4)],
			Seed:        seed(r.Uint64N(3)),
			Stop:        engine.Stop{IgnoreEOS: r.IntN(2) == 0, Strings: stopTexts(r, alone)},
			Session:     fmt.Sprint(r.IntN(3)),
			Tenant:      fmt.Sprint(r.IntN(6) / 5),
		}
		if len(texts) > 0 && r.IntN(4) > 0 {
			text := texts[r.IntN(len(texts))]
			q.Prompt = append(q.Prompt, text[:r.IntN(len(text)+1)]...)
			if r.IntN(3) == 0 {
				q.Prompt = slices.Clone(text)
			}
		}
		for more := r.IntN(1 + r.IntN(150)); more > 0 || len(q.Prompt) == 0; more-- {
			q.Prompt = append(q.Prompt, r.Int32N(vocab))
		}
		ask(r, q, vocab)
		result := sample(t, alone, q)
		text := slices.Concat(q.Prompt, result.Sequences[r.IntN(q.NumSamples)].Tokens)
		texts = append(texts, text[:min(len(text), 350)], q.Prompt)
		all, want = append(all, q), append(want, bits(result))
	}
	return all, want
}

// stopTexts are up to three texts that a sample may come to: a letter, a token, or
// two tokens.
func stopTexts(r *rand.Rand, e *engine.Engine) (texts []string) {
	token := func() []byte { return e.Tokenizer().TokenBytes(r.Int32N(int32(e.Info().VocabSize))) }
	for range max(0, r.IntN(6)-2) {
		text := [][]byte{{byte('a' + r.IntN(26))}, token(), slices.Concat(token(), token())}[r.IntN(3)]
		if len(text) > 0 {
			texts = append(texts, string(text))
		}
	}
	return texts
}

// ask asks for log probabilities of some kinds.
func ask(r *rand.Rand, q *engine.Request, vocab int32) {
	q.TopKSampleLogprobs = max(0, r.IntN(6)-3)
	if r.IntN(2) == 0 {
		q.PromptLogprobs = true
		q.TopKPromptLogprobs = max(0, r.IntN(6)-3)
		if len(q.Prompt) > 1 && r.IntN(2) == 0 {
			q.PromptLogprobsLastN = 1 + r.IntN(len(q.Prompt)-1)
		}
	}
	q.PromptAltTokensK = max(0, r.IntN(6)-3)
	if r.IntN(3) == 0 {
		q.TargetPromptTokens = make([][]int32, len(q.Prompt)-1)
		for i := range q.TargetPromptTokens {
			for range max(0, r.IntN(8)-5) {
				q.TargetPromptTokens[i] = append(q.TargetPromptTokens[i], r.Int32N(vocab+1)-1)
			}
		}
	}
}

// TestOneAnswerUnderLoad is the first promise again, at random: hundreds of
// requests that share parts of their prompts, in engines of all settings, while
// others come and are cancelled, each several times: tokens and bits are those
// of an engine that runs one request at a time and keeps nothing.
func TestOneAnswerUnderLoad(t *testing.T) {
	path := testmodel.Tiny(t, tinymodel.Options{})
	alone := open(t, path, engine.Options{Threads: 1, NoPrefixCache: true})
	rounds := 60
	if testing.Short() {
		rounds = 16
	}
	gone := errors.New("gone")
	var hits, cancelled, answers, stopped int
	for round := range rounds {
		r := rand.New(rand.NewPCG(uint64(round), 77))
		all, want := related(t, r, alone, 14)
		o := engine.Options{
			Threads:       1 + r.IntN(3),
			StepTokens:    []int{2, 7, 32, 512}[round%4],
			ChunkTokens:   []int{0, 1, 7, 32, 512}[r.IntN(5)],
			KVTokens:      []int{0, 512, 640, 2048}[r.IntN(4)],
			NoPrefixCache: round%6 == 5,
		}
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) {
			e := open(t, path, o)
			var mu sync.Mutex
			var wg sync.WaitGroup
			for range 2 {
				for _, i := range r.Perm(len(all)) {
					ctx, cancel := context.WithCancelCause(t.Context())
					mayEnd := r.IntN(4) == 0
					if mayEnd {
						time.AfterFunc(time.Duration(r.IntN(5000))*time.Microsecond, func() { cancel(gone) })
					}
					if r.IntN(5) == 0 {
						time.Sleep(time.Duration(r.IntN(2000)) * time.Microsecond)
					}
					wg.Go(func() {
						defer cancel(nil)
						got, err := e.Sample(ctx, all[i])
						mu.Lock()
						defer mu.Unlock()
						switch {
						case mayEnd && errors.Is(err, gone):
							cancelled++
						case err != nil:
							t.Error(err)
						case bits(got) != want[i]:
							t.Errorf("request %d (%d tokens from the cache): got\n%s\nwant\n%s", i, got.CacheHitTokens, bits(got), want[i])
						default:
							answers++
							hits += got.CacheHitTokens
							if len(all[i].Stop.Strings) > 0 && all[i].Stop.IgnoreEOS && got.Sequences[0].Stop == engine.StopStop {
								stopped++
							}
							if o.NoPrefixCache && got.CacheHitTokens > 0 || got.CacheHitTokens > len(all[i].Prompt) {
								t.Errorf("request %d: %d of %d tokens from the cache", i, got.CacheHitTokens, len(all[i].Prompt))
							}
						}
					})
				}
				wg.Wait()
			}
		})
	}
	t.Logf("%d answers (%d ended by a text), %d tokens of their prompts from the cache, %d requests cancelled", answers, stopped, hits, cancelled)
	if hits == 0 || cancelled == 0 || stopped == 0 {
		t.Error("nothing was found in the cache, nothing was cancelled, or no text ended a sample")
	}
}
