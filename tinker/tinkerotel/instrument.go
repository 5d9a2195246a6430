package tinkerotel

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
)

// instruments are the metrics, with the buckets that the semantic conventions
// ask for.
type instruments struct {
	operation metric.Float64Histogram
	tokens    metric.Int64Histogram
	request   metric.Float64Histogram
}

func newInstruments(m metric.Meter) (instruments, error) {
	var i instruments
	var err error
	if i.operation, err = m.Float64Histogram("gen_ai.client.operation.duration",
		metric.WithUnit("s"), metric.WithDescription("GenAI operation duration."),
		metric.WithExplicitBucketBoundaries(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92),
	); err != nil {
		return i, err
	}
	if i.tokens, err = m.Int64Histogram("gen_ai.client.token.usage",
		metric.WithUnit("{token}"), metric.WithDescription("Number of input and output tokens used."),
		metric.WithExplicitBucketBoundaries(1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864),
	); err != nil {
		return i, err
	}
	i.request, err = m.Float64Histogram("http.client.request.duration",
		metric.WithUnit("s"), metric.WithDescription("Duration of HTTP client requests."),
		metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10),
	)
	return i, err
}

// used records the tokens of a call.
func (i *instruments) used(ctx context.Context, labels []attribute.KeyValue, input, output int) {
	all := metric.WithAttributes(labels...)
	i.tokens.Record(ctx, int64(input), all, metric.WithAttributes(semconv.GenAITokenTypeInput))
	i.tokens.Record(ctx, int64(output), all, metric.WithAttributes(semconv.GenAITokenTypeOutput))
}
