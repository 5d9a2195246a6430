package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// NewVLLM is a server of vLLM, with the model that it lists first.
func NewVLLM(ctx context.Context, url string) (*Peer, error) {
	const path = "/v1/models"
	s := newServer("vllm", url, "vLLM server")
	var models struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := s.reach(ctx, path, &models); err != nil {
		return nil, err
	}
	if len(models.Data) == 0 || models.Data[0].ID == "" {
		return nil, s.fault(http.MethodGet, path, errors.New("it lists no model"))
	}
	return &Peer{Kind: s.kind, URL: s.url, runner: &vllm{s, models.Data[0].ID}}, nil
}

type vllm struct {
	*server
	model string
}

const vllmPath = "/v1/completions"

// vllmSample asks for as much as the engine gives: the model's own
// distribution, the log probability of each token, and no early end.
type vllmSample struct {
	Model       string  `json:"model"`
	Prompt      []int32 `json:"prompt"`
	N           int     `json:"n"`
	MaxTokens   int     `json:"max_tokens"`
	Temperature float64 `json:"temperature"`
	TopP        float64 `json:"top_p"`
	TopK        int     `json:"top_k"` // -1: all
	MinP        float64 `json:"min_p"`
	IgnoreEOS   bool    `json:"ignore_eos"`
	Logprobs    int     `json:"logprobs"` // 0: of the sampled token alone
}

// vllmScore asks for the log probabilities of a prompt, which come with a token.
type vllmScore struct {
	Model          string  `json:"model"`
	Prompt         []int32 `json:"prompt"`
	MaxTokens      int     `json:"max_tokens"`
	Temperature    float64 `json:"temperature"`
	PromptLogprobs int     `json:"prompt_logprobs"` // 0: of the prompt's tokens alone
}

func (v *vllm) run(ctx context.Context, j Job) (int, error) {
	if j.Score {
		return v.score(ctx, j.Prompt)
	}
	var answer struct {
		Usage struct {
			CompletionTokens int `json:"completion_tokens"`
		} `json:"usage"`
	}
	err := v.post(ctx, vllmPath, vllmSample{
		Model: v.model, Prompt: j.Prompt, N: j.Samples, MaxTokens: j.MaxTokens,
		Temperature: j.Temperature, TopP: 1, TopK: -1, IgnoreEOS: true,
	}, &answer)
	return answer.Usage.CompletionTokens, err
}

func (v *vllm) score(ctx context.Context, prompt []int32) (int, error) {
	var answer struct {
		Choices []struct {
			PromptLogprobs []any `json:"prompt_logprobs"`
		} `json:"choices"`
	}
	if err := v.post(ctx, vllmPath, vllmScore{Model: v.model, Prompt: prompt, MaxTokens: 1, Temperature: 1}, &answer); err != nil {
		return 0, err
	}
	if len(answer.Choices) != 1 || len(answer.Choices[0].PromptLogprobs) != len(prompt) {
		return 0, v.fault(http.MethodPost, vllmPath, fmt.Errorf("it gives no log probability for each of the %d tokens of a prompt", len(prompt)))
	}
	return len(prompt), nil
}
