package bench

import (
	"context"
	"math/rand/v2"

	"golang.org/x/sync/errgroup"
)

// A Load is work of one kind, always of the same size.
type Load struct {
	Name   string
	Tokens int // that count, of all its jobs together
	make   func(p *prompts) []Job
}

// A Job is one request of a load. Samples run to MaxTokens, whatever they say.
type Job struct {
	Prompt      []int32
	Score       bool // log probabilities of the prompt, and no samples
	Samples     int
	MaxTokens   int
	Temperature float64
}

// tokens is how many tokens of the job count.
func (j *Job) tokens() int {
	if j.Score {
		return len(j.Prompt)
	}
	return j.Samples * j.MaxTokens
}

// Loads are the four loads:
//
//	stream1  one greedy sequence of 128 tokens from a 32-token prompt
//	group16  one 64-token prompt, 16 samples of 64 tokens, temperature 1
//	batch32  32 different 64-token prompts at once, 64 tokens each, temperature 1
//	score16  the log probabilities of 16 prompts of 512 tokens
func Loads() []Load {
	return []Load{
		newLoad("stream1", 1, func(p *prompts) Job { return Job{Prompt: p.next(32), Samples: 1, MaxTokens: 128} }),
		newLoad("group16", 1, func(p *prompts) Job { return Job{Prompt: p.next(64), Samples: 16, MaxTokens: 64, Temperature: 1} }),
		newLoad("batch32", 32, func(p *prompts) Job { return Job{Prompt: p.next(64), Samples: 1, MaxTokens: 64, Temperature: 1} }),
		newLoad("score16", 16, func(p *prompts) Job { return Job{Prompt: p.next(512), Score: true} }),
	}
}

func newLoad(name string, jobs int, job func(*prompts) Job) Load {
	l := Load{Name: name, make: func(p *prompts) []Job {
		all := make([]Job, jobs)
		for i := range all {
			all[i] = job(p)
		}
		return all
	}}
	for _, j := range l.make(newPrompts(2)) {
		l.Tokens += j.tokens()
	}
	return l
}

// scores says whether the load asks for log probabilities of prompts.
func (l *Load) scores() bool { return l.make(newPrompts(2))[0].Score }

// warmUp is what every server does first, and what nobody measures.
func warmUp(p *prompts) []Job {
	return []Job{{Prompt: p.next(16), Samples: 1, MaxTokens: 8, Temperature: 1}}
}

// prompts are random token ids, none of them twice the same sequence, so that
// no cache of prompts knows them.
type prompts struct {
	r         *rand.Rand
	low, high int32
}

// newPrompts draws ids of a vocabulary: from 1000 to 39999, where special tokens
// are rare, or from its upper half if it has no 40,000.
func newPrompts(vocab int) *prompts {
	p := &prompts{rand.New(rand.NewPCG(7, 7)), 1000, 40000}
	if vocab < int(p.high) {
		p.low, p.high = int32(vocab/2), int32(vocab)
	}
	return p
}

func (p *prompts) next(n int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = p.low + p.r.Int32N(p.high-p.low)
	}
	return ids
}

// A runner does jobs: the engine, or a server.
type runner interface {
	// run does one job and returns how many tokens that gave. It may be called
	// by several goroutines at once.
	run(ctx context.Context, j Job) (tokens int, err error)
}

// runAll does the jobs at once and returns how many tokens they gave together.
func runAll(ctx context.Context, r runner, jobs []Job) (int, error) {
	counts := make([]int, len(jobs))
	all, ctx := errgroup.WithContext(ctx)
	for i, j := range jobs {
		all.Go(func() (err error) {
			counts[i], err = r.run(ctx, j)
			return err
		})
	}
	err := all.Wait()
	sum := 0
	for _, n := range counts {
		sum += n
	}
	return sum, err
}
