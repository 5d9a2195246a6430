package tinker

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"tinsmith.example/internal/transport"
	"tinsmith.example/internal/wire"
)

// A SamplingClientConfig says what to sample from, and how. BaseModel or
// ModelPath is required.
type SamplingClientConfig struct {
	BaseModel string      // a model that the server serves, such as "Qwen/Qwen3-8B"
	ModelPath string      // saved weights, tinker://...; with BaseModel, which they belong to
	Retry     RetryConfig // zero: the API's defaults

	// Tokenizer says where the model's tokenizer is, if not where its name
	// leads: a folder with a tokenizer.json, or a name at the Hugging Face Hub.
	Tokenizer string

	// RecordStabilityInfo asks the server to keep what it takes to compare
	// sampling with training later.
	RecordStabilityInfo bool

	// OnQueueState is called when the server says why requests wait, from the
	// goroutines that wait: it must be quick and safe for concurrent use. nil:
	// pauses are logged, at most once a minute.
	OnQueueState func(state QueueState, reason string)
}

func (c *SamplingClientConfig) check() error {
	if c.BaseModel == "" && c.ModelPath == "" {
		return &ArgumentError{"BaseModel", "", "set, or ModelPath"}
	}
	if c.ModelPath != "" && !strings.HasPrefix(c.ModelPath, "tinker://") {
		return &ArgumentError{"ModelPath", c.ModelPath, "a path that begins with tinker://"}
	}
	return c.Retry.check()
}

// A SamplingClient samples from one model. It may be used by any number of
// goroutines, and lives as long as the ServiceClient that it comes from. Its zero
// value is for UnmarshalBinary only: all else refuses it with an *ArgumentError.
type SamplingClient struct {
	session             *session
	sampler             sampler
	id                  string
	baseModel           string
	recordStabilityInfo bool
	retry               RetryConfig
	isolated            bool // calls run in another process
	tokenizer           tokenizerCache
}

// A sampler makes a client's calls. Its errors are a *transport.Error or a
// *SidecarError.
type sampler interface {
	Sample(context.Context, transport.SampleCall) (*transport.Sampled, error)
}

var _ Sampler = (*SamplingClient)(nil)

// CreateSamplingClient makes a client for one model, and begins the session if
// need be. Errors are those of [SamplingClient.Sample]; a model that the server
// does not have is an *APIError with status 404.
func (c *ServiceClient) CreateSamplingClient(ctx context.Context, cfg SamplingClientConfig) (*SamplingClient, error) {
	const op = "ServiceClient.CreateSamplingClient"
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if err := c.config.checkCrossing(&cfg.Retry); err != nil {
		return nil, err
	}
	return watched(ctx, c.observers, op, cfg.BaseModel, func(ctx context.Context) (*SamplingClient, error) {
		return c.createSamplingClient(ctx, op, &cfg)
	})
}

func (c *ServiceClient) createSamplingClient(ctx context.Context, op string, cfg *SamplingClientConfig) (*SamplingClient, error) {
	s, err := c.begin(ctx, op)
	if err != nil {
		return nil, err
	}
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	id, err := s.createSampler(ctx, op, cfg)
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	return s.samplingClient(ctx, op, id, cfg)
}

// samplingClient makes a client of a sampling session that is there, and starts
// the process that samples if need be.
func (s *session) samplingClient(ctx context.Context, op, id string, cfg *SamplingClientConfig) (*SamplingClient, error) {
	client := &SamplingClient{
		session: s, id: id, baseModel: cfg.BaseModel, recordStabilityInfo: cfg.RecordStabilityInfo,
		retry: cfg.Retry, isolated: s.config.isolated, tokenizer: newTokenizerCache(cfg.Tokenizer),
	}
	queue := s.queueNotes(id, cfg.OnQueueState)
	if !client.isolated {
		client.sampler = s.newSampler(id, 0, &cfg.Retry, queue)
		return client, nil
	}
	state, err := client.copyState()
	if err != nil {
		return nil, err
	}
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	isolated := s.isolate(state, queue)
	if _, err := isolated.ready(ctx, op); err != nil {
		return nil, publicError(err)
	}
	client.sampler = isolated
	return client, nil
}

// newSampler makes what samples in the session, numbering requests from
// firstSeqID.
func (s *session) newSampler(id string, firstSeqID int64, retry *RetryConfig, queue func(state, reason string)) *transport.Sampler {
	c := transport.SamplerConfig{
		SamplingSessionID: id, FirstSeqID: firstSeqID, Gate: s.gate, Retry: retry.resolve(&s.server),
		Abandoned: s.abandon, QueueState: queue,
	}
	if s.server.SampleUseRetrieveFutures {
		c.Background = func(f func(context.Context)) bool { return s.run(func() { f(s.ctx) }) }
	}
	return s.client.NewSampler(c)
}

// queueNotes is who is told why a sampler's requests wait: observe, or the log.
func (s *session) queueNotes(id string, observe func(QueueState, string)) func(state, reason string) {
	if observe == nil {
		observe = (&queueLog{log: s.config.log, sampler: id}).note
	}
	return func(state, reason string) { observe(QueueState(state), reason) }
}

// createSampler makes a sampling session, and asks for its base model if only the
// server knows: cfg has it then.
func (s *session) createSampler(ctx context.Context, op string, cfg *SamplingClientConfig) (id string, err error) {
	var created wire.CreateSamplingSessionResponse
	err = s.client.Do(ctx, transport.Call{
		Op: op, Path: wire.PathCreateSamplingSession, Answer: &created, Policy: transport.Briefly,
		Body: &wire.CreateSamplingSessionRequest{
			SessionID: s.id, SamplingSessionSeqID: s.samplers.Add(1) - 1,
			BaseModel: cfg.BaseModel, ModelPath: cfg.ModelPath, Type: wire.TypeCreateSamplingSession,
		},
	})
	if err != nil {
		return "", err
	}
	id = created.SamplingSessionID
	if id == "" {
		return "", missing(op, "sampling_session_id")
	}
	if cfg.BaseModel != "" {
		return id, nil
	}
	var sampler wire.Sampler
	err = s.client.Do(ctx, transport.Call{
		Op: op, Method: http.MethodGet, Path: wire.SamplerPath(id), Answer: &sampler, Policy: transport.Patiently,
	})
	if err == nil && sampler.BaseModel == "" {
		err = missing(op, "base_model")
	}
	cfg.BaseModel = sampler.BaseModel
	return id, err
}

// BaseModel returns the name of the model, or of the model that the saved
// weights belong to.
func (c *SamplingClient) BaseModel() string { return c.baseModel }

// Sample samples as r asks, and returns once all of it is there. Errors are an
// *ArgumentError for a request that cannot be right, a *RequestError if the
// server failed it, an *APIError if it did not get that far, ErrClosed, or a
// *SidecarError where another process samples ([WithProcessIsolation]).
//
// If ctx ends, so does the call, on the server too where it allows that. r must
// not change while the call runs.
func (c *SamplingClient) Sample(ctx context.Context, r *SampleRequest) (*SampleResponse, error) {
	call, err := c.prepare("SamplingClient.Sample", r)
	if err != nil {
		return nil, err
	}
	return within(ctx, c.session, call.do)
}

// SampleAsync is Sample without the waiting. ctx owns the call, which ends with
// it. r is copied before SampleAsync returns.
func (c *SamplingClient) SampleAsync(ctx context.Context, r *SampleRequest) *Future[*SampleResponse] {
	call, err := c.prepare("SamplingClient.SampleAsync", r)
	return start(ctx, c.session, err, call.do)
}

// ComputeLogprobs returns the log probability of each prompt token given those
// before it: NaN for the first, and for those before the last n of LastN. Errors
// are those of Sample.
func (c *SamplingClient) ComputeLogprobs(ctx context.Context, prompt ModelInput, opts ...LogprobsOption) (Logprobs, error) {
	call, err := c.prepareLogprobs("SamplingClient.ComputeLogprobs", prompt, opts)
	if err != nil {
		return nil, err
	}
	return within(ctx, c.session, call.logprobs)
}

// ComputeLogprobsAsync is ComputeLogprobs without the waiting, as SampleAsync is
// Sample.
func (c *SamplingClient) ComputeLogprobsAsync(ctx context.Context, prompt ModelInput, opts ...LogprobsOption) *Future[Logprobs] {
	call, err := c.prepareLogprobs("SamplingClient.ComputeLogprobsAsync", prompt, opts)
	return start(ctx, c.session, err, call.logprobs)
}

// A samplingCall is a request that has been checked and copied.
type samplingCall struct {
	transport.SampleCall
	client *SamplingClient
	expect expectation
	// What observers are shown of it.
	params SamplingParams
	tokens int // of the prompt, as far as that is known here
}

func (c *SamplingClient) prepare(op string, r *SampleRequest) (*samplingCall, error) {
	if err := c.made(); err != nil {
		return nil, err
	}
	if r == nil {
		return nil, &ArgumentError{"SampleRequest", nil, "a request"}
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	m, size, err := r.toWire()
	if err != nil {
		return nil, err
	}
	m.RecordStabilityInfo = c.recordStabilityInfo
	return &samplingCall{
		SampleCall: transport.SampleCall{Op: op, Request: m, PromptBytes: size, Direct: c.session.server.SampleNoRetries},
		client:     c,
		expect:     r.expectation(),
		params:     r.Params.clone(),
		tokens:     r.Prompt.Len(),
	}, nil
}

// prepareLogprobs asks for one sample of one token, which the API insists on.
func (c *SamplingClient) prepareLogprobs(op string, prompt ModelInput, opts []LogprobsOption) (*samplingCall, error) {
	r := &SampleRequest{Prompt: prompt, Params: SamplingParams{MaxTokens: 1}, PromptLogprobs: true}
	for _, opt := range opts {
		opt(r)
	}
	call, err := c.prepare(op, r)
	if bad, ok := errors.AsType[*ArgumentError](err); ok && bad.Field == "PromptLogprobsLastN" {
		bad.Field = "LastN" // which is what the caller wrote
	}
	if err != nil {
		return nil, err
	}
	call.Direct = false
	return call, nil
}

// do makes the call in its session. cancel ends ctx.
func (call *samplingCall) do(ctx context.Context, cancel context.CancelCauseFunc) (*SampleResponse, error) {
	call.Cancel = cancel
	c := call.client
	ctx, observation := c.session.observers.start(ctx, Call{
		Op: call.Op, Model: c.baseModel,
		PromptTokens: call.tokens, NumSamples: call.expect.samples, Params: &call.params,
	})
	response, err := call.attempt(ctx)
	observation.end(ctx, response, err)
	return response, err
}

func (call *samplingCall) attempt(ctx context.Context) (*SampleResponse, error) {
	sampled, err := call.client.sampler.Sample(ctx, call.SampleCall)
	if err != nil {
		return nil, call.client.session.explain(ctx, err)
	}
	response, err := call.expect.fromWire(sampled)
	if err != nil {
		return nil, &APIError{
			Op: call.Op, RequestID: sampled.Promise.RequestID, Status: http.StatusOK,
			Attempts: sampled.Attempts, Elapsed: sampled.Elapsed, Err: &AnswerError{err.Error(), err},
		}
	}
	return response, nil
}

func (call *samplingCall) logprobs(ctx context.Context, cancel context.CancelCauseFunc) (Logprobs, error) {
	response, err := call.do(ctx, cancel)
	if err != nil {
		return nil, err
	}
	return response.PromptLogprobs, nil
}

// within makes a call of the session, with a context and what ends it.
func within[T any](ctx context.Context, s *session, call func(context.Context, context.CancelCauseFunc) (T, error)) (T, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	if err := s.admit(&cancel); err != nil {
		var zero T
		cancel(nil)
		return zero, err
	}
	defer s.leave(&cancel)
	return call(ctx, cancel)
}

// start is within in a goroutine of its own, unless err says that there is no call
// to make.
func start[T any](ctx context.Context, s *session, err error, call func(context.Context, context.CancelCauseFunc) (T, error)) *Future[T] {
	f, ctx := newFuture[T](ctx)
	if err == nil {
		err = s.admit(&f.cancel)
	}
	if err != nil {
		var zero T
		f.finish(zero, err)
		return f
	}
	go func() {
		defer s.leave(&f.cancel)
		f.finish(call(ctx, f.cancel))
	}()
	return f
}
