package tinker

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"tinsmith.example/internal/wire"
)

// events are those that the fake was told so far, without the rest of their
// batches.
func (f *fake) events(t *testing.T) []wire.TelemetryEvent {
	t.Helper()
	var list []wire.TelemetryEvent
	for _, seen := range f.to(wire.PathTelemetry) {
		var batch wire.TelemetryRequest
		if err := wire.Decode(seen.raw, &batch); err != nil {
			t.Fatal(err)
		}
		if batch.SessionID != "S" || batch.SDKVersion != wire.ContractVersion || batch.Platform == "" || batch.ProcessUUID == "" {
			t.Errorf("batch of %+v", batch)
		}
		list = append(list, batch.Events...)
	}
	return list
}

func names(events []wire.TelemetryEvent) []string {
	var list []string
	for _, e := range events {
		list = append(list, strings.TrimSuffix(e.Event+" "+e.EventName, " "))
	}
	return list
}

func TestTelemetryTellsOfTheSession(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.on(wire.PathTelemetry, `{"status":"accepted"}`)
		svc := f.service(t)
		client, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m"})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(90 * time.Second)
		if _, err := client.Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})}); err != nil {
			t.Fatal(err)
		}
		if err := svc.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		events := f.events(t)
		if got := names(events); !slices.Equal(got, []string{"SESSION_START", "SESSION_END"}) {
			t.Fatalf("events %q", got)
		}
		if events[1].Duration != "0:01:30.000000" {
			t.Errorf("duration %q", events[1].Duration)
		}
		last := f.seen[len(f.seen)-1].path
		if last != wire.FinishSessionPath("S") {
			t.Errorf("the last request is %s", last)
		}
	})
}

func TestTelemetryTellsWhoseFaultAFailureIs(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.on(wire.PathTelemetry, `{"status":"accepted"}`)
		client := f.sampling(t, SamplingClientConfig{Retry: RetryConfig{NoRetry: true}})
		promise := f.answer[wire.PathSample]
		f.set(wire.PathSample, func(seenRequest) reply { return reply{status: 403, body: `{"detail":"no"}`} })
		client.Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})})
		f.set(wire.PathSample, promise)
		f.on(wire.PathRetrieveFuture, `{"error":"out of order","category":"server"}`)
		client.Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		client.Sample(ctx, &SampleRequest{Prompt: FromTokens([]int32{1})}) // nobody's fault, and no event
		time.Sleep(time.Minute)
		want := []string{
			"SESSION_START",
			"GENERIC_EVENT InternalClientHolder.execute_with_retries.exception", "GENERIC_EVENT user_error", "SESSION_END",
			"UNHANDLED_EXCEPTION", "SESSION_END",
		}
		if got := names(f.events(t)); !slices.Equal(got, want) {
			t.Errorf("events\n got %q\nwant %q", got, want)
		}
	})
}

// As those of the official client do, copies have a telemetry of their own.
func TestCopiesTellOfTheirFailures(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.on(wire.PathTelemetry, `{"status":"accepted"}`)
		maker := f.service(t, WithTelemetry(false))
		original, err := maker.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m"})
		if err != nil {
			t.Fatal(err)
		}
		svc := f.service(t)
		copied := copyOf(t, original, svc)
		f.on(wire.PathRetrieveFuture, `{"error":"out of order","category":"user"}`)
		copied.Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})})
		if err := svc.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, want := names(f.events(t)), []string{"SESSION_START", "GENERIC_EVENT user_error", "SESSION_END", "SESSION_END"}; !slices.Equal(got, want) {
			t.Errorf("events\n got %q\nwant %q", got, want)
		}
	})
}

func TestTelemetryTellsOfPollsThatFailed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.on(wire.PathTelemetry, `{"status":"accepted"}`)
		client := f.sampling(t, SamplingClientConfig{})
		done := f.answer[wire.PathRetrieveFuture]
		f.set(wire.PathRetrieveFuture, func(r seenRequest) reply {
			switch r.header.Get(wire.HeaderRequestIteration) {
			case "0":
				return reply{status: 408}
			case "1":
				return reply{status: 503}
			case "2":
				return reply{} // broken
			case "3":
				return reply{hold: time.Hour}
			}
			return done(r)
		})
		if _, err := client.Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		const about = "GENERIC_EVENT APIFuture.result_async."
		want := []string{"SESSION_START", about + "api_status_error", about + "connection_error", about + "timeout"}
		if got := names(f.events(t)); !slices.Equal(got, want) {
			t.Errorf("events\n got %q\nwant %q", got, want)
		}
	})
}

// Whatever goes wrong, and whatever servers and networks say about it, no text
// of ours that is secret and none of theirs goes into an event.
func TestTelemetryHoldsNoSecret(t *testing.T) {
	const prompt = 987654321
	t.Setenv("CLOUDFLARE_ACCESS_CLIENT_SECRET", "secret-of-cloudflare")
	secrets := []string{testKey, "secret-of-cloudflare", "987654321", "secret-stop", "secret-message", "x-api-key", "X-API-Key", "X-Api-Key", "traceback"}
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.on(wire.PathTelemetry, `{"status":"accepted"}`)
		client := f.sampling(t, SamplingClientConfig{Retry: RetryConfig{NoRetry: true}})
		request := &SampleRequest{Prompt: FromTokens([]int32{prompt}), Params: SamplingParams{Stop: StopStrings("secret-stop")}}
		echo := `{"detail":"secret-message ` + testKey + ` 987654321 secret-stop"}`
		good, promise := f.answer[wire.PathRetrieveFuture], f.answer[wire.PathSample]
		set := func(submission, result func(seenRequest) reply) {
			f.set(wire.PathSample, submission)
			f.set(wire.PathRetrieveFuture, result)
		}
		for _, status := range []int{0, 400, 401, 403, 404, 409, 410, 422, 500} {
			fail := func(seenRequest) reply { return reply{status: status, body: echo} }
			set(fail, good)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
			if _, err := client.Sample(ctx, request); err == nil {
				t.Errorf("%d at submission is no error", status)
			}
			set(promise, fail)
			client.Sample(ctx, request)
			cancel()
		}
		f.on(wire.PathRetrieveFuture, `{"error":"secret-message 987654321","category":"user"}`)
		client.Sample(t.Context(), request)
		time.Sleep(time.Minute)
		if n := len(f.events(t)); n < 20 {
			t.Errorf("only %d events", n)
		}
		for _, seen := range f.to(wire.PathTelemetry) {
			for _, secret := range secrets {
				if strings.Contains(string(seen.raw), secret) {
					t.Fatalf("%s in %s", secret, seen.raw)
				}
			}
		}
	})
}

func TestTelemetryCanBeTurnedOff(t *testing.T) {
	for _, tt := range []struct {
		environment string
		opts        []Option
		want        bool
	}{
		{"", nil, true}, {"On", nil, true}, {"0", nil, false}, {"maybe", nil, false},
		{"", []Option{WithTelemetry(false)}, false}, {"no", []Option{WithTelemetry(true)}, true},
	} {
		t.Setenv("TINKER_TELEMETRY", tt.environment)
		inBubble(t, func(t *testing.T) {
			f := newFake(t)
			svc := f.service(t, tt.opts...)
			if _, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m"}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			if got := len(f.to(wire.PathTelemetry)) > 0; got != tt.want {
				t.Errorf("TINKER_TELEMETRY=%q and %d options: sent %v", tt.environment, len(tt.opts), got)
			}
		})
	}
}

// A server whose telemetry hangs costs Close five seconds, and samples nothing.
func TestSilentTelemetryDisturbsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.set(wire.PathTelemetry, func(seenRequest) reply { return reply{hold: time.Hour} })
		svc := f.service(t)
		client, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m"})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * time.Second)
		before := time.Now()
		if _, err := client.Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})}); err != nil || time.Since(before) != 0 {
			t.Errorf("%v after %v", err, time.Since(before))
		}
		if err := svc.Close(t.Context()); err != nil || time.Since(before) != 5*time.Second {
			t.Errorf("Close: %v after %v", err, time.Since(before))
		}
	})
}
