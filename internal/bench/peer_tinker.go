package bench

import (
	"context"
	"fmt"

	"tinsmith.example/tinker"
)

// NewTinker is a server of the Tinker API, which s samples from.
func NewTinker(url string, s tinker.Sampler) *Peer {
	return &Peer{Kind: "tinker", URL: url, runner: &tinkerServer{url, s}}
}

type tinkerServer struct {
	url     string
	sampler tinker.Sampler
}

func (t *tinkerServer) run(ctx context.Context, j Job) (int, error) {
	tokens, err := t.do(ctx, j)
	if err != nil {
		return 0, fmt.Errorf("tinker at %s: %w", t.url, err)
	}
	return tokens, nil
}

func (t *tinkerServer) do(ctx context.Context, j Job) (int, error) {
	prompt := tinker.FromTokens(j.Prompt)
	if j.Score {
		logprobs, err := t.sampler.ComputeLogprobs(ctx, prompt)
		return len(logprobs), err
	}
	response, err := t.sampler.Sample(ctx, &tinker.SampleRequest{
		Prompt:     prompt,
		NumSamples: j.Samples,
		Params:     tinker.SamplingParams{MaxTokens: j.MaxTokens, Temperature: &j.Temperature, Stop: tinker.NoStop()},
	})
	if err != nil {
		return 0, err
	}
	n := 0
	for _, q := range response.Sequences {
		n += len(q.Tokens)
	}
	return n, nil
}
