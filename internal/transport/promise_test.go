package transport

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tinsmith.example/internal/wire"
)

const modelPath = "/prefix" + wire.PathCreateModel

var modelPromised = step{status: 200, body: `{"request_id":"r","model_id":"m"}`}

func createModel(t *testing.T, s *script, accepted func()) (string, error) {
	t.Helper()
	var result wire.CreateModelResponse
	err := s.client(t).DoPromised(t.Context(), Promised{
		Submit:      Call{Op: "ServiceClient.CreateLoRATrainingClient", Path: wire.PathCreateModel, Body: &wire.CreateModelRequest{}, Policy: Briefly},
		RequestType: wire.RequestTypeCreateModel, Result: &result, Accepted: accepted,
	})
	return result.ModelID, err
}

func TestAPromisedResultArrivesWhateverHappensOnTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, map[string][]step{
			modelPath: {{status: 500}, modelPromised},
			pollPath: {
				pending, {status: 503}, {}, {status: 429}, {status: 400, body: `{"detail":"no"}`}, {status: 402},
				{status: 200, body: `{"type":"try_again","request_id":"r"}`},
				{status: 200, body: `{"status":"complete_metadata","response_payload_size":5}`},
				{status: 200, body: `{"model_id":"m","type":"create_model"}`},
			},
		})
		accepted := 0
		if id, err := createModel(t, s, func() { accepted++ }); id != "m" || err != nil || accepted != 1 {
			t.Errorf("%q, %v, accepted %d times", id, err, accepted)
		}
		s.allDone()
		polls := s.to(pollPath)
		if took := polls[0].header.Get(wire.HeaderPromiseRoundtrip); took == "" || polls[1].header.Get(wire.HeaderPromiseRoundtrip) != "" {
			t.Errorf("the promise took %q, says the first poll, and the second %q", took, polls[1].header.Get(wire.HeaderPromiseRoundtrip))
		}
		for i, poll := range polls {
			if poll.header.Get("Accept") != wire.MediaJSON || poll.header.Get(wire.HeaderRequestType) != "CreateModel" {
				t.Errorf("poll %d: %v", i, poll.header)
			}
			if sizeFirst := i < len(polls)-1; poll.body["allow_metadata_only"] != sizeFirst {
				t.Errorf("poll %d: %v", i, poll.body)
			}
		}
		for i := 1; i < len(polls); i++ {
			if gap := polls[i].at - polls[i-1].at; gap > 31*time.Second {
				t.Errorf("poll %d after %v", i, gap)
			}
		}
	})
}

func TestAPromiseThatCannotBeKeptIsAnError(t *testing.T) {
	for _, tt := range []struct {
		name     string
		promise  step
		polls    []step
		wantKind func(error) bool
	}{
		{"refused", step{status: 404, body: `{"detail":"no such model"}`}, nil, func(err error) bool {
			e, ok := errors.AsType[*Error](err)
			return ok && e.Status == 404 && e.Message == "no such model"
		}},
		{"no name", step{status: 200, body: `{}`}, nil, func(err error) bool { return errors.Is(err, errNoRequestID) }},
		{"failed", modelPromised, []step{{status: 200, body: `{"error":"too big","category":"user"}`}}, func(err error) bool {
			e, ok := errors.AsType[*FailedError](err)
			return ok && e.Category == wire.CategoryUser && e.Message == "too big"
		}},
		{"lost", modelPromised, []step{{status: 410}}, func(err error) bool { return errors.Is(err, ErrResultLost) }},
		{"not found", modelPromised, []step{{status: 404}}, func(err error) bool {
			e, ok := errors.AsType[*Error](err)
			return ok && e.Status == 404 && e.RequestID == "r" && e.Attempts == 2 // with the submission
		}},
		{"malformed thrice", modelPromised, []step{{status: 400, body: "x", times: 3}}, func(err error) bool {
			e, ok := errors.AsType[*Error](err)
			return ok && e.Status == 400
		}},
		{"no JSON", modelPromised, []step{{status: 200, body: "x"}}, func(err error) bool { _, ok := errors.AsType[*wire.FormatError](err); return ok }},
		{"another type", modelPromised, []step{{status: 200, body: `{"model_id":1}`}}, func(err error) bool { _, ok := errors.AsType[*wire.FormatError](err); return ok }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(t, map[string][]step{modelPath: {tt.promise}, pollPath: tt.polls})
				if _, err := createModel(t, s, nil); !tt.wantKind(err) {
					t.Errorf("got %v", err)
				}
				if len(tt.polls) > 0 {
					s.allDone()
				}
			})
		})
	}
}

func TestAPromiseThatIsNotAwaitedSaysWhatItWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, map[string][]step{
			modelPath: {modelPromised},
			pollPath:  {{status: 408, body: `{"type":"try_again","queue_state":"paused_capacity","queue_state_reason":"full"}`, times: 1000}},
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := s.client(t).DoPromised(ctx, Promised{
			Submit:      Call{Op: "ServiceClient.CreateLoRATrainingClient", Path: wire.PathCreateModel, Body: &wire.CreateModelRequest{}, Policy: Briefly},
			RequestType: wire.RequestTypeCreateModel, Result: new(wire.CreateModelResponse),
		})
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Waiting != "the result (the server says paused_capacity: full)" || e.Elapsed != time.Minute || e.Err != context.DeadlineExceeded {
			t.Errorf("%v: %+v", err, e)
		}
	})
}
