// Package tinkerotel makes OpenTelemetry spans and metrics of the calls of
// package tinker, which itself does not depend on OpenTelemetry.
//
//	observer, err := tinkerotel.New()
//	// handle err
//	svc, err := tinker.NewServiceClient(tinker.WithObserver(observer))
//
// # Spans
//
// A call is a span of kind client. Sampling is called text_completion MODEL and
// scoring compute_logprobs MODEL, with the attributes that the semantic
// conventions for generative AI have: gen_ai.request.model and its parameters,
// gen_ai.usage.input_tokens and output_tokens, gen_ai.response.finish_reasons and
// so on. Other calls are called as in errors, such as
// ServiceClient.CreateSamplingClient. The HTTP requests of a call are its
// children, named by method and endpoint.
//
// # Metrics
//
//	gen_ai.client.operation.duration  s        of each call that samples or scores
//	gen_ai.client.token.usage         {token}  of those that succeeded, by gen_ai.token.type
//	http.client.request.duration      s        of each HTTP request
//
// What failed has error.type: the HTTP status, or one of request_failed_user,
// request_failed_server, request_failed_unknown, canceled, deadline_exceeded,
// closed, stuck, no_answer and _OTHER.
//
// Neither prompts nor sampled text are recorded. The status of a failed span is
// the error's text, which may repeat what the server said.
package tinkerotel

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"

	"tinsmith.example/tinker"
)

const scope = "tinsmith.example/tinker/tinkerotel"

// Provider is the gen_ai.provider.name of all calls.
const Provider = "tinker"

// An Observer is the [tinker.Observer] that makes spans and metrics. It may
// watch any number of clients.
type Observer struct {
	tracer   trace.Tracer
	meters   instruments
	attempts bool
}

var _ tinker.Observer = (*Observer)(nil)

// An Option configures an Observer.
type Option func(*options)

type options struct {
	tracers    trace.TracerProvider
	meters     metric.MeterProvider
	noAttempts bool
}

// WithTracerProvider sets where spans go. The default, and nil, is the global
// provider.
func WithTracerProvider(p trace.TracerProvider) Option { return func(o *options) { o.tracers = p } }

// WithMeterProvider sets where metrics go. The default, and nil, is the global
// provider.
func WithMeterProvider(p metric.MeterProvider) Option { return func(o *options) { o.meters = p } }

// WithoutRequests leaves out spans and metrics of HTTP requests, for programs
// that have them already from the HTTP client of [tinker.WithHTTPClient].
func WithoutRequests() Option { return func(o *options) { o.noAttempts = true } }

// New makes an observer. It fails if the meter provider refuses an instrument.
func New(opts ...Option) (*Observer, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	if o.tracers == nil {
		o.tracers = otel.GetTracerProvider()
	}
	if o.meters == nil {
		o.meters = otel.GetMeterProvider()
	}
	meter := o.meters.Meter(scope, metric.WithInstrumentationVersion(tinker.Version), metric.WithSchemaURL(semconv.SchemaURL))
	instruments, err := newInstruments(meter)
	if err != nil {
		return nil, fmt.Errorf("tinkerotel: %w", err)
	}
	return &Observer{
		tracer:   o.tracers.Tracer(scope, trace.WithInstrumentationVersion(tinker.Version), trace.WithSchemaURL(semconv.SchemaURL)),
		meters:   instruments,
		attempts: !o.noAttempts,
	}, nil
}

// A call is what is known of one that runs.
type call struct {
	span   trace.Span
	server []attribute.KeyValue
	// labels are the attributes of its metrics; nil unless it samples or scores.
	labels []attribute.KeyValue
}

// callKey is where an observer's call is in its context.
type callKey struct{ *Observer }

// CallStarted begins the call's span.
func (o *Observer) CallStarted(ctx context.Context, c tinker.Call) context.Context {
	running := &call{server: serverAttributes(c.Server)}
	name, attributes := c.Op, running.server
	if c.Params != nil {
		running.labels = append(requestLabels(c), running.server...)
		name = operation(c) + " " + c.Model
		attributes = append(requestAttributes(c), running.labels...)
	}
	ctx, running.span = o.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...))
	return context.WithValue(ctx, callKey{o}, running)
}

// AttemptEnded records one HTTP request, as a span that began when it did.
func (o *Observer) AttemptEnded(ctx context.Context, _ tinker.Call, a tinker.Attempt) {
	running, ok := ctx.Value(callKey{o}).(*call)
	if !ok || !o.attempts {
		return
	}
	attributes := append(attemptAttributes(a), running.server...)
	_, span := o.tracer.Start(ctx, a.Method+" "+a.Endpoint, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithTimestamp(a.Started), trace.WithAttributes(attributes...))
	if failed(a) {
		message := ""
		if a.Err != nil {
			message = a.Err.Error()
		}
		span.SetStatus(codes.Error, message)
	}
	span.End(trace.WithTimestamp(a.Started.Add(a.Elapsed)))
	o.meters.request.Record(ctx, a.Elapsed.Seconds(), metric.WithAttributes(attributes...))
}

// CallEnded ends the call's span.
func (o *Observer) CallEnded(ctx context.Context, c tinker.Call, outcome tinker.Outcome) {
	running, ok := ctx.Value(callKey{o}).(*call)
	if !ok {
		return
	}
	defer running.span.End()
	labels := running.labels
	if outcome.Err != nil {
		kind := semconv.ErrorTypeKey.String(errorType(outcome.Err))
		running.span.SetStatus(codes.Error, outcome.Err.Error())
		running.span.SetAttributes(kind)
		labels = append(labels[:len(labels):len(labels)], kind)
	}
	if running.labels == nil {
		return
	}
	o.meters.operation.Record(ctx, outcome.Elapsed.Seconds(), metric.WithAttributes(labels...))
	if outcome.Err == nil {
		running.span.SetAttributes(responseAttributes(c, outcome)...)
		o.meters.used(ctx, labels, c.PromptTokens, outcome.OutputTokens)
	}
}

// serverAttributes names the server of a base URL.
func serverAttributes(base string) []attribute.KeyValue {
	u, err := url.Parse(base)
	if err != nil {
		return nil
	}
	port, err := strconv.Atoi(u.Port())
	switch {
	case err == nil:
	case u.Scheme == "http":
		port = 80
	default:
		port = 443
	}
	return []attribute.KeyValue{semconv.ServerAddress(u.Hostname()), semconv.ServerPort(port)}
}

// operation is a gen_ai.operation.name. The conventions have none for scoring.
func operation(c tinker.Call) string {
	if strings.HasPrefix(c.Op, "SamplingClient.ComputeLogprobs") {
		return "compute_logprobs"
	}
	return semconv.GenAIOperationNameTextCompletion.Value.AsString()
}
