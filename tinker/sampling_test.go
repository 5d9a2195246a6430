package tinker

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tinsmith.example/internal/wire"
)

func TestBaseModelIsWhatTheServerSays(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.on(wire.SamplerPath("S:sample:0"), `{"sampler_id":"S:sample:0","base_model":"org/base","model_path":"tinker://x"}`)
		if got := f.sampling(t, SamplingClientConfig{ModelPath: "tinker://x"}).BaseModel(); got != "org/base" {
			t.Errorf("got %q", got)
		}
		if got := f.sampling(t, SamplingClientConfig{BaseModel: "org/said"}).BaseModel(); got != "org/said" {
			t.Errorf("got %q", got)
		}
		if n := len(f.to(wire.SamplerPath("S:sample:0"))); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

func TestWhatCannotBeRightIsRefusedByName(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		client := f.sampling(t, SamplingClientConfig{})
		prompt := FromTokens([]int32{1, 2, 3})
		params := func(p SamplingParams) *SampleRequest { return &SampleRequest{Prompt: prompt, Params: p} }
		targets := func(rows ...[]int32) *SampleRequest {
			return &SampleRequest{Prompt: prompt, TargetPromptLogprobs: &TargetTokens{Rows: rows}}
		}
		for _, tt := range []struct {
			field   string
			request *SampleRequest
		}{
			{"SampleRequest", nil},
			{"NumSamples", &SampleRequest{Prompt: FromTokens([]int32{1}), NumSamples: -1}},
			{"Prompt.Chunks[0].Tokens[1]", &SampleRequest{Prompt: FromTokens([]int32{1, -2})}},
			{"Prompt.Chunks[1]", &SampleRequest{Prompt: prompt.Append(nil)}},
			{"Params.MaxTokens", params(SamplingParams{MaxTokens: -1})},
			{"Params.Temperature", params(SamplingParams{Temperature: new(-0.1)})},
			{"Params.Temperature", params(SamplingParams{Temperature: new(math.NaN())})},
			{"Params.Temperature", params(SamplingParams{Temperature: new(math.Inf(1))})},
			{"Params.TopK", params(SamplingParams{TopK: -2})},
			{"Params.TopP", params(SamplingParams{TopP: 2})},
			{"Params.TopP", params(SamplingParams{TopP: -0.5})},
			{"Params.TopP", params(SamplingParams{TopP: math.NaN()})},
			{"Params.MinP", params(SamplingParams{MinP: -0.1})},
			{"Params.MinP", params(SamplingParams{MinP: 1.1})},
			{"Params.MinP", params(SamplingParams{MinP: math.NaN()})},
			{"Params.Stop.Strings[1]", params(SamplingParams{Stop: StopStrings("a", "")})},
			{"Params.Stop.Strings[0]", params(SamplingParams{Stop: StopStrings("\xff")})},
			{"Params.Stop.Tokens[0]", params(SamplingParams{Stop: StopTokens(-1)})},
			{"TopKPromptLogprobs", &SampleRequest{Prompt: FromTokens([]int32{1}), TopKPromptLogprobs: -1}},
			{"TopKSampleLogprobs", &SampleRequest{Prompt: FromTokens([]int32{1}), TopKSampleLogprobs: -1}},
			{"PromptAltTokensK", &SampleRequest{Prompt: FromTokens([]int32{1}), PromptAltTokensK: -1}},
			{"PromptLogprobsLastN", &SampleRequest{Prompt: prompt, PromptLogprobsLastN: 1}},
			{"PromptLogprobsLastN", &SampleRequest{Prompt: prompt, PromptLogprobs: true, PromptLogprobsLastN: 3}},
			{"PromptLogprobsLastN", &SampleRequest{Prompt: prompt, PromptLogprobs: true, PromptLogprobsLastN: -1}},
			{"the number of TargetPromptLogprobs.Rows", targets([]int32{1})},
			{"TargetPromptLogprobs.Rows[1][0]", targets(nil, []int32{-2})},
		} {
			_, err := client.Sample(t.Context(), tt.request)
			if e, ok := errors.AsType[*ArgumentError](err); !ok || e.Field != tt.field || e.Limit == "" {
				t.Errorf("%s: got %v", tt.field, err)
			}
			if _, later := client.SampleAsync(t.Context(), tt.request).Await(t.Context()); later == nil || later.Error() != err.Error() {
				t.Errorf("%s: SampleAsync says %v", tt.field, later)
			}
		}
		for _, tt := range []struct {
			want   string
			prompt ModelInput
			opts   []LogprobsOption
		}{
			{"tinker: Prompt.Chunks[1] is <nil>, must be a chunk", ModelInput{Chunks: []Chunk{EncodedText{Tokens: []int32{1}}, nil}}, nil},
			{"tinker: LastN is 1, must be left out for a prompt of fewer than 2 tokens", ModelInput{}, []LogprobsOption{LastN(1)}},
			{"tinker: LastN is 0, must be 1 or more", prompt, []LogprobsOption{LastN(0)}},
			{"tinker: LastN is -1, must be 1 or more", prompt, []LogprobsOption{LastN(-1)}},
			{"tinker: LastN is 3, must be between 1 and 2, one less than the prompt's tokens", prompt, []LogprobsOption{LastN(3)}},
			{"tinker: LastN is 1, must be left out for a prompt of fewer than 2 tokens", FromTokens([]int32{1}), []LogprobsOption{LastN(1)}},
		} {
			_, err := client.ComputeLogprobs(t.Context(), tt.prompt, tt.opts...)
			if !isArgument(err) || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if _, later := client.ComputeLogprobsAsync(t.Context(), tt.prompt, tt.opts...).Await(t.Context()); later == nil || later.Error() != tt.want {
				t.Errorf("later got %v, want %s", later, tt.want)
			}
		}
		if n := len(f.to(wire.PathSample)); n > 0 {
			t.Errorf("%d requests were sent", n)
		}
		for field, cfg := range map[string]SamplingClientConfig{
			"BaseModel":             {},
			"ModelPath":             {ModelPath: "/tmp/x"},
			"Retry.MaxConcurrent":   {BaseModel: "m", Retry: RetryConfig{MaxConcurrent: -1}},
			"Retry.ProgressTimeout": {BaseModel: "m", Retry: RetryConfig{ProgressTimeout: -1}},
			"Retry.BaseDelay":       {BaseModel: "m", Retry: RetryConfig{BaseDelay: -1}},
			"Retry.MaxDelay":        {BaseModel: "m", Retry: RetryConfig{MaxDelay: -1}},
			"Retry.Jitter":          {BaseModel: "m", Retry: RetryConfig{Jitter: new(1.5)}},
		} {
			_, err := f.service(t).CreateSamplingClient(t.Context(), cfg)
			if e, ok := errors.AsType[*ArgumentError](err); !ok || e.Field != field {
				t.Errorf("%s: got %v", field, err)
			}
		}
	})
}

func TestAnswersThatAreNotWhatWasAskedForAreErrors(t *testing.T) {
	one := plain.Sequences
	nan := float32(math.NaN())
	tensor := func(rows, columns int64) *wire.Tensor {
		return &wire.Tensor{DType: wire.Float32, Floats: make([]float32, rows*columns), Shape: []int64{rows, columns}}
	}
	prompt := FromTokens([]int32{1, 2, 3})
	for _, tt := range []struct {
		want    string
		request SampleRequest
		result  wire.SampleResponse
	}{
		{"1 sequences, want 2", SampleRequest{Prompt: prompt, NumSamples: 2}, wire.SampleResponse{Sequences: one}},
		{"0 sequences, want 1", SampleRequest{Prompt: prompt}, wire.SampleResponse{}},
		{"sequences[0]: the answer has 1 logprobs, want 2", SampleRequest{Prompt: prompt}, wire.SampleResponse{Sequences: []wire.Sequence{
			{StopReason: wire.StopReasonStop, Tokens: []int32{1, 2}, Logprobs: []float32{0}}}}},
		{"0 logprobs, want 1", SampleRequest{Prompt: prompt}, wire.SampleResponse{Sequences: []wire.Sequence{{StopReason: wire.StopReasonStop, Tokens: []int32{1}}}}},
		{"no topk_sampled_logprobs", SampleRequest{Prompt: prompt, TopKSampleLogprobs: 1}, wire.SampleResponse{Sequences: one}},
		{"0 prompt_logprobs, want 3", SampleRequest{Prompt: prompt, PromptLogprobs: true}, wire.SampleResponse{Sequences: one}},
		{"2 prompt_logprobs, want 3", SampleRequest{Prompt: prompt, PromptLogprobs: true}, wire.SampleResponse{Sequences: one, PromptLogprobs: []float32{nan, 0}}},
		{"prompt_logprobs[1] is -1", SampleRequest{Prompt: prompt, PromptLogprobs: true, PromptLogprobsLastN: 1},
			wire.SampleResponse{Sequences: one, PromptLogprobs: []float32{nan, -1, -2}}},
		{"no topk_prompt_logprobs", SampleRequest{Prompt: prompt, TopKPromptLogprobs: 2}, wire.SampleResponse{Sequences: one}},
		{"1 rows of topk_prompt_logprobs, want 3", SampleRequest{Prompt: prompt, TopKPromptLogprobs: 2},
			wire.SampleResponse{Sequences: one, TopKPromptLogprobs: &wire.TopK{K: 1, Rows: [][]wire.TokenLogprob{{{Token: 1, Logprob: -1}}}}}},
		{"has 2 entries, want at most 1", SampleRequest{Prompt: FromTokens([]int32{1}), TopKPromptLogprobs: 1},
			wire.SampleResponse{Sequences: one, TopKPromptLogprobs: &wire.TopK{K: 2, Rows: [][]wire.TokenLogprob{{{Token: 1}, {Token: 2}}}}}},
		{"no target_prompt_logprobs", SampleRequest{Prompt: prompt, TargetPromptLogprobs: &TargetTokens{Rows: [][]int32{{1}, nil}}}, wire.SampleResponse{Sequences: one}},
		{"shape [1 2], want dense float32 of shape [2 1]", SampleRequest{Prompt: prompt, TargetPromptLogprobs: &TargetTokens{Rows: [][]int32{{1}, nil}}},
			wire.SampleResponse{Sequences: one, TargetPromptLogprobs: tensor(1, 2)}},
		{"no prompt_alt_tokens", SampleRequest{Prompt: prompt, PromptAltTokensK: 1}, wire.SampleResponse{Sequences: one}},
		{"prompt_alt_tokens.tokens is float32", SampleRequest{Prompt: prompt, PromptAltTokensK: 1},
			wire.SampleResponse{Sequences: one, PromptAltTokens: &wire.PromptAltTokens{Tokens: tensor(2, 1), Logprobs: tensor(2, 1)}}},
	} {
		t.Run(tt.want, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFake(t)
				f.result(&tt.result)
				_, err := f.sampling(t, SamplingClientConfig{}).Sample(t.Context(), &tt.request)
				if e, ok := errors.AsType[*APIError](err); !ok || e.RequestID != "r0" || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v", err)
				}
				if _, ok := errors.AsType[*AnswerError](err); !ok {
					t.Errorf("not an AnswerError: %v", err)
				}
				if e, ok := errors.AsType[*APIError](err); !ok || e.Attempts != 2 || e.RequestID == "" {
					t.Errorf("not an APIError of two attempts: %#v", err)
				}
			})
		})
	}
}

func TestAnswersThatCannotBeReadAreErrors(t *testing.T) {
	for name, answer := range map[string]reply{
		"no protobuf":           {status: 200, body: "\xff\xff", binary: true},
		"JSON":                  {status: 200, body: `{"sequences":[]}`},
		"neither":               {status: 200, body: `<html>`},
		"an unknown StopReason": {status: 200, body: "\n\x02\x08\x05", binary: true},
	} {
		inBubble(t, func(t *testing.T) {
			f := newFake(t)
			f.set(wire.PathRetrieveFuture, func(seenRequest) reply { return answer })
			_, err := f.sampling(t, SamplingClientConfig{}).Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})})
			if e, ok := errors.AsType[*AnswerError](err); !ok || e.Reason == "" || len(f.to(wire.PathSample)) != 1 {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

func TestEverySampleNeedsASequenceID(t *testing.T) {
	for _, ids := range []string{``, `,"sample_sequence_ids":[]`, `,"sample_sequence_ids":["a","b"]`} {
		inBubble(t, func(t *testing.T) {
			f := newFake(t)
			f.on(wire.PathSample, `{"request_id":"r0"`+ids+`}`)
			_, err := f.sampling(t, SamplingClientConfig{}).Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})})
			if err == nil || !strings.Contains(err.Error(), "sample_sequence_ids, want 1") {
				t.Errorf("%s: got %v", ids, err)
			}
		})
	}
}

func TestFailuresAreTyped(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		client := f.sampling(t, SamplingClientConfig{})
		f.on(wire.PathRetrieveFuture, `{"error":"too long","category":"user"}`)
		_, err := client.Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})})
		e, ok := errors.AsType[*RequestError](err)
		if !ok || e.Category != CategoryUser || e.RequestID != "r0" || e.Op != "SamplingClient.Sample" || e.Err.Error() != "too long" {
			t.Errorf("got %#v", err)
		}
		f.set(wire.PathSample, func(seenRequest) reply { return reply{status: 404, body: `{"detail":"unknown sampling session"}`} })
		_, err = client.Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})})
		refused, ok := errors.AsType[*APIError](err)
		if !ok || refused.Status != 404 || refused.Message != "unknown sampling session" || refused.Attempts == 0 {
			t.Errorf("got %#v", err)
		}
	})
}

func TestWhenNothingMovesCallsAreStuck(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.set(wire.PathRetrieveFuture, func(seenRequest) reply { return reply{status: 408, hold: 30 * time.Second} })
		client := f.sampling(t, SamplingClientConfig{Retry: RetryConfig{ProgressTimeout: 10 * time.Minute}})
		_, err := client.Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})})
		if took := time.Since(f.start); !errors.Is(err, ErrStuck) || took != 10*time.Minute {
			t.Errorf("%v after %v", err, took)
		}
	})
}

func TestEndingTheContextCancelsOnTheServer(t *testing.T) {
	for name, end := range map[string]func(context.CancelFunc, *Future[*SampleResponse]){
		"the call's context": func(cancel context.CancelFunc, _ *Future[*SampleResponse]) { cancel() },
		"Future.Cancel":      func(_ context.CancelFunc, f *Future[*SampleResponse]) { f.Cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFake(t)
				f.set(wire.PathRetrieveFuture, func(seenRequest) reply { return reply{status: 408, hold: 30 * time.Second} })
				client := f.sampling(t, SamplingClientConfig{})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				future := client.SampleAsync(ctx, &SampleRequest{Prompt: FromTokens([]int32{1})})
				synctest.Wait()

				impatient, stop := context.WithTimeout(t.Context(), time.Second)
				defer stop()
				if _, err := future.Await(impatient); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Await: %v", err)
				}
				synctest.Wait()
				if n := len(f.to(wire.PathCancelFuture)); n != 0 {
					t.Error("giving up waiting canceled the call")
				}

				end(cancel, future)
				if _, err := future.Await(t.Context()); !errors.Is(err, context.Canceled) {
					t.Errorf("Await: %v", err)
				}
				synctest.Wait()
				if canceled := f.to(wire.PathCancelFuture); len(canceled) != 1 || string(canceled[0].raw) != `{"request_id":"r0"}` {
					t.Errorf("canceled %+v", canceled)
				}
			})
		})
	}
}

func TestCancelingIsLeftAloneUnlessTheServerWantsIt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.on(wire.PathDynamicConfig, `{}`)
		f.set(wire.PathRetrieveFuture, func(seenRequest) reply { return reply{status: 408, hold: 30 * time.Second} })
		future := f.sampling(t, SamplingClientConfig{}).SampleAsync(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})})
		synctest.Wait()
		future.Cancel()
		synctest.Wait()
		if n := len(f.to(wire.PathCancelFuture)); n != 0 {
			t.Errorf("%d cancellations", n)
		}
	})
}

// The request is the caller's again as soon as SampleAsync has returned.
func TestSampleAsyncHasCopiedTheRequest(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.result(&wire.SampleResponse{Sequences: plain.Sequences, PromptLogprobs: []float32{0, 0},
			TargetPromptLogprobs: &wire.Tensor{DType: wire.Float32, Floats: []float32{-1}, Shape: []int64{1, 1}}})
		client := f.sampling(t, SamplingClientConfig{})
		tokens, stops, row, seed := []int32{1, 2}, []int32{3}, []int32{4}, int64(5)
		r := &SampleRequest{
			Prompt: FromTokens(tokens), PromptLogprobs: true, TargetPromptLogprobs: &TargetTokens{Rows: [][]int32{row}},
			Params: SamplingParams{Seed: &seed, Temperature: new(0.5), Stop: StopTokens(stops...)},
		}
		future := client.SampleAsync(t.Context(), r)
		tokens[0], stops[0], row[0], seed = -1, -1, -1, -1
		*r.Params.Temperature = -1
		r.Prompt.Chunks[0] = nil
		response, err := future.Await(t.Context())
		if err != nil || response.TargetPromptLogprobs[0][0] != -1 {
			t.Fatal(response, err)
		}
		if sent := string(f.to(wire.PathSample)[0].raw); strings.Contains(sent, ":-1}") || !strings.Contains(sent, `"tokens":[1,2]`) ||
			!strings.Contains(sent, `"seed":5`) || !strings.Contains(sent, `"temperature":0.5`) || !strings.Contains(sent, `"stop":[3]`) || !strings.Contains(sent, `"data":[4]`) {
			t.Errorf("sent %s", sent)
		}
	})
}

func TestSampleAsyncHasCopiedTheStopTexts(t *testing.T) {
	for _, n := range []int{1, 2} {
		inBubble(t, func(t *testing.T) {
			f := newFake(t)
			texts := []string{"a", "b"}[:n]
			future := f.sampling(t, SamplingClientConfig{}).SampleAsync(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1}), Params: SamplingParams{Stop: StopStrings(texts...)}})
			clear(texts)
			if _, err := future.Await(t.Context()); err != nil {
				t.Fatal(err)
			}
			want := []string{`"stop":"a"`, `"stop":["a","b"]`}[n-1]
			if sent := string(f.to(wire.PathSample)[0].raw); !strings.Contains(sent, want) {
				t.Errorf("sent %s, want %s", sent, want)
			}
		})
	}
}

// A server may want no retries of samples; those of log probabilities stay.
func TestWhatAServerWithoutRetriesMeans(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.on(wire.PathClientConfig, `{"sample_no_retries":true}`)
		f.set(wire.PathRetrieveFuture, func(seenRequest) reply { return reply{status: 410} })
		client := f.sampling(t, SamplingClientConfig{})
		_, err := client.Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})})
		if e, ok := errors.AsType[*APIError](err); !ok || e.Status != 410 || len(f.to(wire.PathSample)) != 1 {
			t.Errorf("%v after %d submissions", err, len(f.to(wire.PathSample)))
		}
		f.result(&wire.SampleResponse{Sequences: plain.Sequences, PromptLogprobs: []float32{0}})
		result := f.answer[wire.PathRetrieveFuture]
		f.set(wire.PathRetrieveFuture, func(r seenRequest) reply {
			if r.body["request_id"] == "r1" {
				return reply{status: 410}
			}
			return result(r)
		})
		if _, err := client.ComputeLogprobs(t.Context(), FromTokens([]int32{1})); err != nil {
			t.Error(err)
		}
	})
}

func TestNumbersCountUpAcrossCalls(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		client := f.sampling(t, SamplingClientConfig{})
		var futures []*Future[*SampleResponse]
		for range 50 {
			futures = append(futures, client.SampleAsync(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})}))
		}
		if _, err := All(t.Context(), futures...); err != nil {
			t.Fatal(err)
		}
		var ids []int
		for _, seen := range f.to(wire.PathSample) {
			ids = append(ids, int(seen.body["seq_id"].(float64)))
		}
		slices.Sort(ids)
		for i, id := range ids {
			if i != id {
				t.Fatalf("numbers %v", ids)
			}
		}
	})
}

func TestMaxConcurrentIsTheSmallerOfOursAndTheServers(t *testing.T) {
	for _, tt := range []struct{ ours, servers, want int64 }{{0, 7, 7}, {5, 7, 5}, {9, 7, 7}} {
		server := wire.DefaultClientConfig()
		server.SampleMaxConcurrent = tt.servers
		r := RetryConfig{MaxConcurrent: int(tt.ours)}
		if got := r.resolve(&server).MaxConcurrent; got != tt.want {
			t.Errorf("ours %d, the server's %d: %d", tt.ours, tt.servers, got)
		}
		server.SampleUseRetrieveFutures = true // no limit of the server's
		if got := r.resolve(&server).MaxConcurrent; got != cmp.Or(tt.ours, math.MaxInt64) {
			t.Errorf("ours %d, the server without a limit: %d", tt.ours, got)
		}
	}
}

func TestQueueStatesReachTheirObserver(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		done := f.answer[wire.PathRetrieveFuture]
		f.set(wire.PathRetrieveFuture, func(r seenRequest) reply {
			if r.header.Get(wire.HeaderRequestIteration) == "0" {
				return reply{status: 408, body: `{"type":"try_again","queue_state":"paused_rate_limit"}`}
			}
			return done(r)
		})
		var told []QueueState
		client := f.sampling(t, SamplingClientConfig{OnQueueState: func(s QueueState, _ string) { told = append(told, s) }})
		if _, err := client.Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(told, []QueueState{QueuePausedRateLimit, QueueActive}) {
			t.Errorf("told %q", told)
		}
	})
}

// TestMinPIsSentOnlyIfSet: to servers that know nothing of it, a client that does
// not use it is any other.
func TestMinPIsSentOnlyIfSet(t *testing.T) {
	for p, want := range map[float64]string{0: "", 0.25: `"min_p":0.25`} {
		m, _, err := (&SampleRequest{Prompt: FromTokens([]int32{1}), Params: SamplingParams{MinP: p}}).toWire()
		if err != nil {
			t.Fatal(err)
		}
		body, err := wire.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(body), "min_p"); got != (want != "") || !strings.Contains(string(body), want) {
			t.Errorf("MinP %v is sent as %s", p, body)
		}
	}
}
