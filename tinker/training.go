package tinker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"tinsmith.example/internal/transport"
	"tinsmith.example/internal/wire"
)

// A TrainingClientConfig says what to train. BaseModel is required.
type TrainingClientConfig struct {
	BaseModel    string            // a model that the server trains, such as "Qwen/Qwen3-8B"
	LoRA         LoRAConfig        // which matrices, and of what rank
	UserMetadata map[string]string // of the training run, for listings
}

// A LoRAConfig says which low-rank matrices are trained. The zero value is the
// API's defaults: all of them, of rank 32.
type LoRAConfig struct {
	Rank         int    // 0: 32
	Seed         *int64 // of the matrices' first values; nil: the server's choice
	TrainMLP     *bool  // nil: true. One of the three must be true
	TrainAttn    *bool  // nil: true
	TrainUnembed *bool  // nil: true
}

const defaultRank = 32

func (c *TrainingClientConfig) check() error {
	l := &c.LoRA
	switch {
	case c.BaseModel == "":
		return &ArgumentError{"BaseModel", "", "set"}
	case l.Rank < 0:
		return &ArgumentError{"LoRA.Rank", l.Rank, "0 or more"}
	case !unlessNil(l.TrainMLP, true) && !unlessNil(l.TrainAttn, true) && !unlessNil(l.TrainUnembed, true):
		return &ArgumentError{"LoRA.TrainMLP", false, "true, unless LoRA.TrainAttn or LoRA.TrainUnembed is"}
	}
	return nil
}

func (l *LoRAConfig) toWire() wire.LoRAConfig {
	m := wire.LoRAConfig{
		Rank: l.Rank, TrainMLP: unlessNil(l.TrainMLP, true), TrainAttn: unlessNil(l.TrainAttn, true), TrainUnembed: unlessNil(l.TrainUnembed, true),
	}
	if m.Rank == 0 {
		m.Rank = defaultRank
	}
	if l.Seed != nil {
		m.Seed = new(*l.Seed)
	}
	return m
}

func unlessNil[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// A TrainingClient is a model in training, as far as sampling needs it: it saves
// weights and samples from them. It does not train yet. It may be used by any
// number of goroutines, and lives as long as the ServiceClient that it comes
// from; its calls reach the server in the order in which they are made.
type TrainingClient struct {
	session   *session
	modelID   string
	baseModel string
	tokenizer string // under which name it is published; "": the model's name tells
	queue     func(state, reason string)

	line line         // of calls that the server has not accepted yet
	seq  atomic.Int64 // of the latest one that was sent; set by whoever's turn it is
}

// CreateLoRATrainingClient begins a training run of low-rank matrices on top of a
// base model, and the session if need be. It returns once the server has room for
// the run, which may take a while. A model that the server does not train is an
// *APIError with status 404, or a *RequestError.
func (c *ServiceClient) CreateLoRATrainingClient(ctx context.Context, cfg TrainingClientConfig) (*TrainingClient, error) {
	const op = "ServiceClient.CreateLoRATrainingClient"
	if err := cfg.check(); err != nil {
		return nil, err
	}
	return watched(ctx, c.observers, op, cfg.BaseModel, func(ctx context.Context) (*TrainingClient, error) {
		return c.createTrainingClient(ctx, op, &cfg)
	})
}

func (c *ServiceClient) createTrainingClient(ctx context.Context, op string, cfg *TrainingClientConfig) (*TrainingClient, error) {
	s, err := c.begin(ctx, op)
	if err != nil {
		return nil, err
	}
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	client := &TrainingClient{session: s}
	if err := client.create(ctx, op, cfg); err != nil {
		return nil, s.explain(ctx, err)
	}
	return client, nil
}

// create makes the model, and asks what it is.
func (c *TrainingClient) create(ctx context.Context, op string, cfg *TrainingClientConfig) error {
	log := c.session.config.log
	c.queue = (&pauseLog{log: log, what: "the creation of a training client", name: cfg.BaseModel}).note
	var created wire.CreateModelResponse
	err := c.session.client.DoPromised(ctx, transport.Promised{
		Submit: transport.Call{
			Op: op, Path: wire.PathCreateModel, Policy: transport.Briefly,
			Body: &wire.CreateModelRequest{
				SessionID: c.session.id, ModelSeqID: c.session.models.Add(1) - 1, BaseModel: cfg.BaseModel,
				UserMetadata: cfg.UserMetadata, LoRAConfig: cfg.LoRA.toWire(),
				OptimizerConfig: wire.OptimizerConfig{Type: wire.OptimizerAdamW}, Type: wire.TypeCreateModel,
			},
		},
		RequestType: wire.RequestTypeCreateModel, Result: &created, QueueState: c.queue,
	})
	if err != nil {
		return err
	}
	if created.ModelID == "" {
		return missing(op, "model_id")
	}
	c.modelID = created.ModelID
	c.queue = (&pauseLog{log: log, what: "training", name: c.modelID}).note
	var info wire.GetInfoResponse
	err = c.session.client.Do(ctx, transport.Call{
		Op: op, Path: wire.PathGetInfo, Answer: &info, Policy: transport.Patiently,
		Body: &wire.GetInfoRequest{ModelID: c.modelID, Type: wire.TypeGetInfo},
	})
	if err != nil {
		return err
	}
	if info.ModelData.ModelName == "" {
		return missing(op, "model_data.model_name")
	}
	c.baseModel, c.tokenizer = info.ModelData.ModelName, info.ModelData.TokenizerID
	return nil
}

// missing is the error of an answer that lacks what the API requires.
func missing(op, member string) error {
	return refusedAnswer(op, "", fmt.Errorf("the answer has no %s", member))
}

// ModelID returns the server's name for the training run.
func (c *TrainingClient) ModelID() string { return c.modelID }

// BaseModel returns the name of the model that is trained.
func (c *TrainingClient) BaseModel() string { return c.baseModel }

// SavedWeights say under which name weights are saved, and for how long.
type SavedWeights struct {
	Name         string            // the last part of their path; required
	TTL          time.Duration     // after which the server deletes them, in whole seconds, between an hour and ten years; 0: never
	UserMetadata map[string]string // for listings
}

func (w *SavedWeights) check() error {
	const least, most = time.Hour, 10 * 365 * 24 * time.Hour
	switch {
	case w.Name == "":
		return &ArgumentError{"Name", "", "set"}
	case w.TTL != 0 && (w.TTL < least || w.TTL > most || w.TTL%time.Second != 0):
		return &ArgumentError{"TTL", w.TTL, fmt.Sprintf("0, or whole seconds between %v and %v", least, most)}
	}
	return nil
}

// SaveWeightsForSampler saves the weights as they are now, and returns their path:
// the ModelPath of sampling clients, today or later. Errors are those of
// [SamplingClient.Sample]. If ctx ends, the weights may be saved all the same.
func (c *TrainingClient) SaveWeightsForSampler(ctx context.Context, w SavedWeights) (path string, err error) {
	call, err := c.prepareSave("TrainingClient.SaveWeightsForSampler", &w)
	if err != nil {
		return "", err
	}
	return c.saveNamed(ctx, call)
}

// SaveWeightsForSamplerAsync is SaveWeightsForSampler without the waiting. ctx
// owns the call, which ends with it.
func (c *TrainingClient) SaveWeightsForSamplerAsync(ctx context.Context, w SavedWeights) *Future[string] {
	call, err := c.prepareSave("TrainingClient.SaveWeightsForSamplerAsync", &w)
	return start(ctx, c.session, err, func(ctx context.Context, _ context.CancelCauseFunc) (string, error) { return c.saveNamed(ctx, call) })
}

// WeightsKind says which weights a sampling client samples from while training
// goes on.
type WeightsKind string

const (
	// WeightsSnapshot are the weights as they are when they are saved.
	WeightsSnapshot WeightsKind = wire.WeightsSnapshot
	// WeightsInflight are those, or those of a later save of this kind: a server
	// may give them to all inflight clients of the model, even amid a sample.
	WeightsInflight WeightsKind = wire.WeightsInflight
)

// A SavedSamplingConfig says how to sample from weights that are saved for that
// alone. The zero value is a good one.
type SavedSamplingConfig struct {
	Kind                WeightsKind                           // "": WeightsSnapshot
	Retry               RetryConfig                           // as in SamplingClientConfig
	Tokenizer           string                                // as in SamplingClientConfig; "": the one that the server names, or the model's
	RecordStabilityInfo bool                                  // as in SamplingClientConfig
	OnQueueState        func(state QueueState, reason string) // as in SamplingClientConfig
}

func (s *SavedSamplingConfig) check() error {
	if k := s.Kind; k != "" && k != WeightsSnapshot && k != WeightsInflight {
		return &ArgumentError{"Kind", string(k), fmt.Sprintf("%q or %q", WeightsSnapshot, WeightsInflight)}
	}
	return s.Retry.check()
}

// SaveWeightsAndGetSamplingClient saves the weights as they are now, without a
// name, and returns a client that samples from them. They last as long as the
// session. Errors are those of [SamplingClient.Sample].
func (c *TrainingClient) SaveWeightsAndGetSamplingClient(ctx context.Context, cfg SavedSamplingConfig) (*SamplingClient, error) {
	call, err := c.prepareSampling("TrainingClient.SaveWeightsAndGetSamplingClient", &cfg)
	if err != nil {
		return nil, err
	}
	return c.saveAndSample(ctx, call, &cfg)
}

// SaveWeightsAndGetSamplingClientAsync is SaveWeightsAndGetSamplingClient without
// the waiting. ctx owns the call, which ends with it.
func (c *TrainingClient) SaveWeightsAndGetSamplingClientAsync(ctx context.Context, cfg SavedSamplingConfig) *Future[*SamplingClient] {
	call, err := c.prepareSampling("TrainingClient.SaveWeightsAndGetSamplingClientAsync", &cfg)
	return start(ctx, c.session, err, func(ctx context.Context, _ context.CancelCauseFunc) (*SamplingClient, error) {
		return c.saveAndSample(ctx, call, &cfg)
	})
}

// A saveCall is a save that has been checked and has its place in the line.
type saveCall struct {
	op      string
	place   *place
	request wire.SaveWeightsForSamplerRequest
}

func (c *TrainingClient) prepareSave(op string, w *SavedWeights) (*saveCall, error) {
	if err := w.check(); err != nil {
		return nil, err
	}
	m := wire.SaveWeightsForSamplerRequest{Path: w.Name, Kind: wire.WeightsSnapshot, UserMetadata: maps.Clone(w.UserMetadata)}
	if w.TTL > 0 {
		m.TTLSeconds = new(int64(w.TTL / time.Second))
	}
	return &saveCall{op, c.line.join(), m}, nil
}

func (c *TrainingClient) prepareSampling(op string, cfg *SavedSamplingConfig) (*saveCall, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if err := c.session.config.checkCrossing(&cfg.Retry); err != nil {
		return nil, err
	}
	if cfg.Kind == "" {
		cfg.Kind = WeightsSnapshot
	}
	return &saveCall{op, c.line.join(), wire.SaveWeightsForSamplerRequest{Kind: string(cfg.Kind)}}, nil
}

func (c *TrainingClient) saveNamed(ctx context.Context, call *saveCall) (string, error) {
	saved, err := c.save(ctx, call)
	if err != nil {
		return "", err
	}
	if saved.Path == "" {
		return "", missing(call.op, "path")
	}
	return saved.Path, nil
}

func (c *TrainingClient) saveAndSample(ctx context.Context, call *saveCall, cfg *SavedSamplingConfig) (*SamplingClient, error) {
	saved, err := c.save(ctx, call)
	if err != nil {
		return nil, err
	}
	if saved.SamplingSessionID == "" {
		return nil, missing(call.op, "sampling_session_id")
	}
	client, err := c.session.samplingClient(ctx, call.op, saved.SamplingSessionID, &SamplingClientConfig{
		BaseModel: c.baseModel, Retry: cfg.Retry, Tokenizer: cfg.Tokenizer, RecordStabilityInfo: cfg.RecordStabilityInfo, OnQueueState: cfg.OnQueueState,
	})
	if err != nil {
		return nil, err
	}
	client.tokenizer.published = c.tokenizer
	return client, nil
}

// save makes a save, and tells observers of it.
func (c *TrainingClient) save(ctx context.Context, call *saveCall) (*wire.SaveWeightsForSamplerResponse, error) {
	return watched(ctx, c.session.observers, call.op, c.baseModel, func(ctx context.Context) (*wire.SaveWeightsForSamplerResponse, error) {
		return c.submit(ctx, call)
	})
}

// submit submits a save when its turn comes, and waits for what comes of it. A
// number is taken only by what is sent, so that a call that gives up before leaves
// no gap, in which the server would wait.
func (c *TrainingClient) submit(ctx context.Context, call *saveCall) (*wire.SaveWeightsForSamplerResponse, error) {
	defer c.line.leave(call.place)
	ctx, leave, err := c.session.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	select {
	case <-call.place.turn:
	case <-ctx.Done():
		return nil, endedError(ctx, call.op)
	}
	if ctx.Err() != nil {
		return nil, endedError(ctx, call.op)
	}
	m := call.request
	m.ModelID, m.SeqID, m.Type = c.modelID, c.seq.Load()+1, wire.TypeSaveWeightsForSampler
	if m.Path == "" {
		m.SamplingSessionSeqID = new(c.session.samplers.Add(1) - 1)
	}
	var saved wire.SaveWeightsForSamplerResponse
	accepted := false
	err = c.session.client.DoPromised(ctx, transport.Promised{
		Submit:      transport.Call{Op: call.op, Path: wire.PathSaveWeightsForSampler, Body: &m, Policy: transport.Patiently},
		RequestType: wire.RequestTypeSaveWeightsForSampler, Result: &saved, QueueState: c.queue,
		Accepted: func() {
			accepted = true
			c.seq.Store(m.SeqID)
			c.line.leave(call.place)
		},
	})
	if e, ok := errors.AsType[*transport.Error](err); ok && !accepted && e.Attempts > 0 {
		c.seq.Store(m.SeqID) // the server may have it
	}
	if err != nil {
		return nil, c.session.explain(ctx, err)
	}
	return &saved, nil
}
