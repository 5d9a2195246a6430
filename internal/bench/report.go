package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Version is that of a Report as JSON. It grows when a member changes its
// meaning or goes away.
const Version = 1

// A Report is what a run measured. Rates are per second, memory is in bytes, and
// a share is of 1. docs/cli.md describes it as JSON.
type Report struct {
	Version     int          `json:"version"`
	Model       Model        `json:"model"`
	Machine     Machine      `json:"machine"`
	Rounds      int          `json:"rounds"`
	LoadSeconds float64      `json:"load_seconds"` // from a file in the page cache to an engine that is ready
	Memory      Memory       `json:"memory"`
	FirstToken  *Spread      `json:"first_token_ms"` // of a prompt of 512 tokens on an idle engine; nil: left out, or the context is too small
	Prefill     *Prefill     `json:"prefill"`        // nil: likewise
	Loads       []LoadResult `json:"loads"`
	Attention   []Attention  `json:"attention"`
	Arrival     *Arrival     `json:"arrival"` // of the studies, nil: it was not asked for
	Prefix      *Prefix      `json:"prefix"`
	Mixed       *Mixed       `json:"mixed"`
	Peers       []PeerResult `json:"peers"`
	Comparison  []Ratio      `json:"comparison"` // with a report of before, if there is one
}

// Model is the model that ran.
type Model struct {
	Name         string `json:"name"`
	Architecture string `json:"architecture"`
	Quantization string `json:"quantization"`
	Parameters   int64  `json:"parameters"`
	Context      int    `json:"context"`
}

// Machine is what ran it, and what that can do at most.
type Machine struct {
	Platform     string  `json:"platform"` // as linux/amd64
	Kernels      string  `json:"kernels"`  // the instruction set that computes
	Threads      int     `json:"threads"`
	ReadRate     float64 `json:"read_bytes_per_second"`
	MultiplyRate float64 `json:"products_per_second"`
	Instruction  string  `json:"instruction"` // that MultiplyRate is of
}

// Memory is what the process takes. What the system does not say is 0.
type Memory struct {
	Loaded   int64 `json:"loaded_bytes"` // resident when the model has just been loaded
	Peak     int64 `json:"peak_bytes"`   // the most that was resident until the last load
	KVTokens int   `json:"kv_tokens"`    // that the KV cache has room for
}

// Prefill is how fast a long prompt goes, beside a short one.
type Prefill struct {
	ShortTokens int     `json:"short_tokens"`
	ShortRate   float64 `json:"short_tokens_per_second"`
	LongTokens  int     `json:"long_tokens"`
	LongRate    float64 `json:"long_tokens_per_second"`
	Share       float64 `json:"share"` // LongRate of ShortRate
	// Roofline is of the long prompt.
	Roofline Roofline `json:"roofline"`
}

// A LoadResult is what the engine made of one load.
type LoadResult struct {
	Name     string   `json:"name"`
	Tokens   int      `json:"tokens"` // of one round
	Rate     Spread   `json:"tokens_per_second"`
	Steps    Times    `json:"steps"` // of all rounds
	Roofline Roofline `json:"roofline"`
}

// Attention is what attention alone does at one context.
type Attention struct {
	Positions    int     `json:"positions"`
	Rows         int     `json:"rows"` // query heads that are computed at once
	RowRate      float64 `json:"rows_per_second"`
	MultiplyRate float64 `json:"products_per_second"`
	Share        float64 `json:"share"` // of Machine.MultiplyRate
}

// A PeerResult is what another server made of the loads.
type PeerResult struct {
	Kind  string     `json:"kind"`
	URL   string     `json:"url"`
	Loads []PeerLoad `json:"loads"` // without those that it has no call for
}

// A PeerLoad is what another server made of one load.
type PeerLoad struct {
	Name  string `json:"name"`
	Rate  Spread `json:"tokens_per_second"`
	Ratio Spread `json:"ratio"` // our rate over theirs, of the best rounds and of the medians
}

// ReadReport reads a report that was written as JSON.
func ReadReport(r io.Reader) (*Report, error) {
	var report Report
	if err := json.NewDecoder(r).Decode(&report); err != nil {
		return nil, fmt.Errorf("not a report of tinsmith bench --json: %w", err)
	}
	if report.Version != Version {
		return nil, fmt.Errorf("a report of version %d, where this program writes and reads version %d", report.Version, Version)
	}
	if report.Machine.MultiplyRate <= 0 {
		return nil, errors.New("not a report of tinsmith bench --json: it says nothing of the machine")
	}
	return &report, nil
}
