package bench

import (
	"math"
	"math/rand/v2"
	"time"

	"tinsmith.example/internal/engine"
)

// The sizes of the requests of study mixed.
const (
	mixShortest   = 10   // prompt tokens
	mixLongest    = 4000 // prompt tokens, if the context has room
	mixMostGroup  = 16   // samples
	mixLeastToken = 8    // tokens of a sample
	mixMostToken  = 128
	mixTexts      = 8 // that prompts begin with
	mixSeed       = 11
)

// A mix makes the requests of study mixed. The i-th is the same every time.
type mix struct {
	vocab   int
	longest int       // prompt tokens
	texts   [][]int32 // [mixTexts, longest]
}

func newMix(info *engine.Info) *mix {
	m := &mix{vocab: info.VocabSize, longest: min(mixLongest, info.ContextLength-mixMostToken)}
	p := newPrompts(info.VocabSize)
	for range mixTexts {
		m.texts = append(m.texts, p.next(max(0, m.longest)))
	}
	return m
}

// A mixedRequest is a request of a mix.
type mixedRequest struct {
	engine.Request
	cancelAfter time.Duration // 0: it may end
}

// request makes the i-th request: 1 to 16 samples or, of one in four, the log
// probabilities of the prompt. One prompt in four begins with a part of a text
// that others begin with, too. One request in seven is cancelled after some time
// between 1 ms and 4 s.
func (m *mix) request(i int) *mixedRequest {
	r := rand.New(rand.NewPCG(mixSeed, uint64(i)))
	p := newPrompts(m.vocab)
	p.r = r
	n := m.length(r.Float64())
	shared := 0
	if r.IntN(4) == 0 {
		shared = r.IntN(n + 1)
	}
	prompt := append([]int32(nil), m.texts[r.IntN(mixTexts)][:shared]...)
	j := Job{
		Prompt: append(prompt, p.next(n-shared)...), Score: r.IntN(4) == 0,
		Samples: 1 + r.IntN(mixMostGroup), MaxTokens: mixLeastToken + r.IntN(mixMostToken-mixLeastToken+1), Temperature: 1,
	}
	q := &mixedRequest{Request: *j.request()}
	seed := r.Uint64()
	q.Seed = &seed
	if r.IntN(7) == 0 {
		q.cancelAfter = time.Duration(logUniform(r.Float64(), float64(time.Millisecond), float64(4*time.Second)))
	}
	return q
}

// largest is a request that needs as much room as any.
func (m *mix) largest() *engine.Request {
	j := Job{Prompt: m.texts[0], Samples: mixMostGroup, MaxTokens: mixMostToken, Temperature: 1}
	return j.request()
}

// length is that of the prompt at u, 0 to 1, of the lengths in rising order:
// their logarithms are uniform.
func (m *mix) length(u float64) int {
	return int(logUniform(u, mixShortest, float64(m.longest)))
}

func logUniform(u, least, most float64) float64 { return least * math.Pow(most/least, u) }
