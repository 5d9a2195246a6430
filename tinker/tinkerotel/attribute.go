package tinkerotel

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"

	"tinsmith.example/tinker"
)

// requestLabels are what metrics are told apart by.
func requestLabels(c tinker.Call) []attribute.KeyValue {
	return []attribute.KeyValue{
		semconv.GenAIOperationNameKey.String(operation(c)),
		semconv.GenAIProviderNameKey.String(Provider),
		semconv.GenAIRequestModel(c.Model),
	}
}

// requestAttributes are what else spans have of a request. What it leaves to the
// API's defaults is not there.
func requestAttributes(c tinker.Call) []attribute.KeyValue {
	list := []attribute.KeyValue{semconv.GenAIRequestChoiceCount(c.NumSamples)}
	p := c.Params
	if p.MaxTokens != 0 {
		list = append(list, semconv.GenAIRequestMaxTokens(p.MaxTokens))
	}
	if p.Temperature != nil {
		list = append(list, semconv.GenAIRequestTemperature(*p.Temperature))
	}
	if p.TopK > 0 {
		list = append(list, semconv.GenAIRequestTopK(float64(p.TopK)))
	}
	if p.TopP != 0 {
		list = append(list, semconv.GenAIRequestTopP(p.TopP))
	}
	if p.Seed != nil {
		list = append(list, semconv.GenAIRequestSeedKey.Int64(*p.Seed))
	}
	return list
}

func responseAttributes(c tinker.Call, o tinker.Outcome) []attribute.KeyValue {
	reasons := make([]string, len(o.StopReasons))
	for i, r := range o.StopReasons {
		reasons[i] = string(r)
	}
	return []attribute.KeyValue{
		semconv.GenAIResponseID(o.RequestID),
		semconv.GenAIResponseFinishReasons(reasons...),
		semconv.GenAIUsageInputTokens(c.PromptTokens),
		semconv.GenAIUsageOutputTokens(o.OutputTokens),
		semconv.GenAIUsageCacheReadInputTokens(o.CachedTokens),
	}
}

func attemptAttributes(a tinker.Attempt) []attribute.KeyValue {
	list := []attribute.KeyValue{semconv.HTTPRequestMethodKey.String(a.Method), semconv.URLTemplate(a.Endpoint)}
	if a.Status != 0 {
		list = append(list, semconv.HTTPResponseStatusCode(a.Status))
	}
	switch {
	case !failed(a):
	case a.Err != nil:
		list = append(list, semconv.ErrorTypeKey.String(errorType(a.Err)))
	default:
		list = append(list, semconv.ErrorTypeKey.String(strconv.Itoa(a.Status)))
	}
	return list
}

// failed reports whether a request was not answered well. That there is no
// result yet is an answer.
func failed(a tinker.Attempt) bool {
	return a.Status == 0 || a.Status >= 400 && a.Status != http.StatusRequestTimeout
}

// errorType is one of the few values that the package comment lists.
func errorType(err error) string {
	if e, ok := errors.AsType[*tinker.RequestError](err); ok {
		switch e.Category {
		case tinker.CategoryUser, tinker.CategoryServer:
			return "request_failed_" + string(e.Category)
		}
		return "request_failed_unknown"
	}
	for _, known := range []struct {
		err  error
		name string
	}{
		{tinker.ErrClosed, "closed"}, {tinker.ErrStuck, "stuck"},
		{context.Canceled, "canceled"}, {context.DeadlineExceeded, "deadline_exceeded"},
	} {
		if errors.Is(err, known.err) {
			return known.name
		}
	}
	e, ok := errors.AsType[*tinker.APIError](err)
	switch {
	case !ok:
		return semconv.ErrorTypeOther.Value.AsString()
	case e.Status != 0:
		return strconv.Itoa(e.Status)
	}
	return "no_answer"
}
