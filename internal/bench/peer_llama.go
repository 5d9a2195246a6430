package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// NewLlama is a llama-server (llama.cpp). It has no call for the log
// probabilities of a prompt.
func NewLlama(ctx context.Context, url string) (*Peer, error) {
	s := newServer("llama", url, "llama-server")
	var health struct{}
	if err := s.reach(ctx, "/health", &health); err != nil {
		return nil, err
	}
	return &Peer{Kind: s.kind, URL: s.url, runner: &llama{s}, noScore: true}, nil
}

type llama struct{ *server }

const llamaPath = "/completion"

// llamaRequest asks for as much as the engine gives: the model's own
// distribution, the log probability of each token, and no early end.
type llamaRequest struct {
	Prompt      []int32 `json:"prompt"`
	NPredict    int     `json:"n_predict"`
	Temperature float64 `json:"temperature"`
	TopK        int     `json:"top_k"` // 0: all
	TopP        float64 `json:"top_p"`
	MinP        float64 `json:"min_p"`
	IgnoreEOS   bool    `json:"ignore_eos"`
	NProbs      int     `json:"n_probs"`
	CachePrompt bool    `json:"cache_prompt"`
	NCmpl       int     `json:"n_cmpl,omitempty"` // more than one: that many samples
}

func (l *llama) run(ctx context.Context, j Job) (int, error) {
	r := llamaRequest{
		Prompt: j.Prompt, NPredict: j.MaxTokens, Temperature: j.Temperature,
		TopP: 1, IgnoreEOS: true, NProbs: 1, CachePrompt: true,
	}
	if j.Samples > 1 {
		r.NCmpl = j.Samples
	}
	var answer llamaAnswer
	if err := l.post(ctx, llamaPath, r, &answer); err != nil {
		return 0, err
	}
	if len(answer) != j.Samples {
		return 0, l.fault(http.MethodPost, llamaPath, errors.New("it knows no n_cmpl: newer ones do"))
	}
	n := 0
	for _, sample := range answer {
		n += sample.TokensPredicted
	}
	return n, nil
}

// llamaAnswer is one object, or a list of them for several samples.
type llamaAnswer []struct {
	TokensPredicted int `json:"tokens_predicted"`
}

func (a *llamaAnswer) UnmarshalJSON(b []byte) error {
	type list llamaAnswer // without this method
	if bytes.HasPrefix(b, []byte("[")) {
		return json.Unmarshal(b, (*list)(a))
	}
	*a = make(llamaAnswer, 1)
	return json.Unmarshal(b, &(*a)[0])
}
