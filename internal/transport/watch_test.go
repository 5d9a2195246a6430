package transport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tinsmith.example/internal/wire"
)

const watchPath = "/prefix" + wire.PathRetrieveFutures

// A background is a session for a sampler's goroutine.
type background struct {
	ctx  context.Context
	end  context.CancelFunc
	work sync.WaitGroup
}

func newBackground(t *testing.T) *background {
	b := &background{}
	b.ctx, b.end = context.WithCancel(t.Context())
	return b
}

func (b *background) start(f func(context.Context)) bool {
	if b.ctx.Err() != nil {
		return false
	}
	b.work.Go(func() { f(b.ctx) })
	return true
}

func (b *background) close() {
	b.end()
	b.work.Wait()
}

// watched makes a sampler that waits with one long poll, and ends its session
// after the test.
func (s *script) watched(t *testing.T, change func(*SamplerConfig)) (*Sampler, *background) {
	b := newBackground(t)
	return s.sampler(t, func(cfg *SamplerConfig) {
		cfg.Background = b.start
		if change != nil {
			change(cfg)
		}
	}), b
}

// completed is an answer that names requests which are done, each with a size.
func completed(hold time.Duration, cursor int, sizes map[string]int64) step {
	said := wire.RetrieveFuturesResponse{Cursor: int64(cursor), Completions: []wire.Completion{}}
	for id, size := range sizes {
		said.Completions = append(said.Completions, wire.Completion{State: wire.CompletionFinished, RequestID: id, ResponsePayloadUncompressedSize: &size})
	}
	body, err := json.Marshal(said)
	if err != nil {
		panic(err)
	}
	return step{status: 200, body: string(body), hold: hold}
}

func asked(s *script) []string {
	var list []string
	for _, seen := range s.to(watchPath) {
		timeout, short := seen.body["timeout"]
		how := "long"
		if short {
			how = fmt.Sprint(timeout)
		}
		list = append(list, fmt.Sprintf("%v %s from %v, arrived %v", seen.at, how, seen.body["prev_cursor"], seen.body["retrieved_request_ids"]))
	}
	return list
}

// One long poll tells that a result is there, one fetch gets it, and a short
// poll a second later reports that it has arrived.
func TestAWatchedResultIsFetchedOnceAndReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, map[string][]step{
			submitPath: {promised}, pollPath: {result(t)},
			watchPath: {completed(30*time.Second, 0, nil), completed(5*time.Second, 1, map[string]int64{"r:0": 40}), completed(0, 1, nil)},
		})
		sampler, session := s.watched(t, func(cfg *SamplerConfig) { cfg.FirstSeqID = 7*wire.SeqIDsPerClone + 3 })
		got, err := sample(t.Context(), sampler)
		if err != nil || got.Response.Sequences[0].Tokens[0] != 7 {
			t.Fatal(got, err)
		}
		time.Sleep(time.Hour) // nothing more is sent
		session.close()
		s.allDone()
		want := []string{"0s long from 0, arrived []", "30s long from 0, arrived []", "36s 0 from 1, arrived [r:0]"}
		if got := asked(s); !slices.Equal(got, want) {
			t.Errorf("polls %q, want %q", got, want)
		}
		target, fetch := s.to(watchPath)[0].body["target"].(map[string]any), s.to(pollPath)[0]
		if target["type"] != "sampling_session" || target["sampling_session_id"] != "session:sample:0" || target["cloned_sampler_id"] != 7.0 {
			t.Errorf("target %v", target)
		}
		if fetch.at != 35*time.Second || fetch.body["allow_metadata_only"] != false {
			t.Errorf("fetched at %v with %v", fetch.at, fetch.body)
		}
		if h := s.to(watchPath)[0].header; h.Get(wire.HeaderSDKMethod) != "" || h.Get(wire.HeaderSDKVersion) != "" {
			t.Errorf("headers of a call: %v", h)
		}
	})
}

// Without a size the server may answer with it first; a failure is fetched like a
// result, and reported like one.
func TestAWatchedFailureIsFetched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, map[string][]step{
			submitPath: {promised}, pollPath: {{status: 200, body: `{"error":"boom","category":"server"}`}},
			watchPath: {{status: 200, body: `{"completions":[{"state":"failed","request_id":"r:0"}],"cursor":9}`}, completed(0, 9, nil)},
		})
		sampler, session := s.watched(t, nil)
		_, err := sample(t.Context(), sampler)
		if failed, ok := errors.AsType[*FailedError](err); !ok || failed.Message != "boom" {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		session.close()
		s.allDone()
		if fetch := s.to(pollPath)[0]; fetch.body["allow_metadata_only"] != true {
			t.Errorf("fetched with %v", fetch.body)
		}
		if got, want := asked(s)[1], "1s 0 from 9, arrived [r:0]"; got != want {
			t.Errorf("then %q, want %q", got, want)
		}
	})
}

// However a poll fails for a while, nobody who waits notices.
func TestAWatchSurvives(t *testing.T) {
	complaint := step{status: 400, body: `{"detail":"huh"}`, times: 3}
	news := completed(0, 1, map[string]int64{"r:0": 40})
	for _, tt := range []struct {
		name  string
		steps []step
		at    []float64 // seconds of the polls
	}{
		{"no answer", []step{{times: 3}, news}, []float64{0, 1, 2, 3}},
		{"a stall", []step{{hold: time.Hour}, news}, []float64{0, 46}},
		{"a broken server", []step{{status: 500}, {status: 408}, {status: 409}, {status: 429}, news}, []float64{0, 1, 2, 3, 4}},
		{"a proxy", []step{{status: 400}, news}, []float64{0, 1}},
		{"complaints", []step{complaint, completed(30*time.Second, 0, nil), complaint, news}, []float64{0, 1, 2, 3, 33, 34, 35, 36}},
		{"an unpaid bill", []step{{status: 402, times: 3}, news}, []float64{0, 5, 10, 15}},
		{"haste", []step{{status: 200, body: `{"completions":[],"cursor":0}`, times: 3}, news}, []float64{0, 0.02, 0.06, 0.14}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(t, map[string][]step{submitPath: {promised}, pollPath: {result(t)}, watchPath: append(tt.steps, completed(0, 1, nil))})
				sampler, session := s.watched(t, nil)
				if _, err := sample(t.Context(), sampler); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				session.close()
				s.allDone()
				if at := seconds(s.times(watchPath)); !slices.Equal(at[:len(at)-1], tt.at) {
					t.Errorf("polls at %v, want %v", at[:len(at)-1], tt.at)
				}
			})
		})
	}
}

// Where a server cannot be watched, every call gets its result, or an error of
// its own, by polls of its own.
func TestWithoutAWatchEachCallPolls(t *testing.T) {
	for name, steps := range map[string][]step{
		"no such endpoint": {{status: 404, body: `{"detail":"no such endpoint"}`}},
		"nonsense":         {{status: 200, body: `<html>`}},
		"complaints":       {{status: 400, body: `{"detail":"huh"}`, times: 4}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(t, map[string][]step{
					submitPath: {{status: 200, body: promised.body, times: 3}}, watchPath: steps,
					pollPath: {pending, {status: 200, body: result(t).body, header: result(t).header}, {status: 200, body: `{"error":"too long","category":"user"}`}, {status: 403, body: `{"detail":"not yours"}`}},
				})
				sampler, session := s.watched(t, nil)
				if _, err := sample(t.Context(), sampler); err != nil {
					t.Error(err)
				}
				if _, err := sample(t.Context(), sampler); err == nil || !strings.Contains(err.Error(), "too long") {
					t.Error(err)
				}
				_, err := sample(t.Context(), sampler)
				if e, ok := errors.AsType[*Error](err); !ok || e.Status != 403 || e.RequestID != "r:0" {
					t.Error(err)
				}
				session.close()
				s.allDone()
			})
		})
	}
}

// A completion that was overlooked holds nobody up for ever.
func TestAnOverlookedCompletionIsAskedAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, map[string][]step{
			submitPath: {promised}, pollPath: {pending, result(t)},
			watchPath: {{status: 200, body: `{"completions":[{"state":"finished","request_id":"r:another"}],"cursor":1}`},
				{status: 200, body: `{"completions":[],"cursor":1}`, hold: 30 * time.Second, times: 21}, completed(0, 1, nil)},
		})
		sampler, session := s.watched(t, nil)
		if _, err := sample(t.Context(), sampler); err != nil {
			t.Error(err)
		}
		if took := time.Since(s.start); took < overlooked || took > overlooked+2*time.Minute {
			t.Errorf("took %v", took)
		}
		session.close()
		if n := len(sampler.watch.early) + len(sampler.watch.waiters); n != 0 {
			t.Errorf("%d things are still remembered", n)
		}
	})
}

// What the server has not been told when the session ends, it is told then.
func TestTheEndOfTheSessionReportsWhatArrived(t *testing.T) {
	for name, last := range map[string]step{"answered": completed(0, 1, nil), "not answered": {hold: time.Hour}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(t, map[string][]step{
					submitPath: {promised}, pollPath: {result(t)}, watchPath: {completed(0, 1, map[string]int64{"r:0": 40}), last},
				})
				sampler, session := s.watched(t, nil)
				if _, err := sample(t.Context(), sampler); err != nil {
					t.Fatal(err)
				}
				session.close()
				s.allDone()
				if got, want := asked(s)[1], "0s 0 from 1, arrived [r:0]"; got != want {
					t.Errorf("the last poll was %q, want %q", got, want)
				}
				if took := time.Since(s.start); took > reportTimeout {
					t.Errorf("closing took %v", took)
				}
			})
		})
	}
}

func TestLeavingAWatchedCallNamesItsRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, map[string][]step{submitPath: {promised}, watchPath: {{hold: time.Hour}}})
		var abandoned string
		sampler, session := s.watched(t, func(cfg *SamplerConfig) {
			cfg.Abandoned = func(name func(context.Context) (string, error)) { abandoned, _ = name(t.Context()) }
		})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := sample(ctx, sampler); !errors.Is(err, context.DeadlineExceeded) || abandoned != "r:0" {
			t.Errorf("%v, abandoned %q", err, abandoned)
		}
		session.close()
	})
}

// A completion may be told before the promise arrives.
func TestAnEarlyCompletionIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		whole := result(t)
		whole.times = 2
		late := step{status: 200, body: `{"request_id":"r:1","sample_sequence_ids":["r:1:0"]}`, hold: 10 * time.Second}
		s := newScript(t, map[string][]step{
			submitPath: {promised, late}, pollPath: {whole},
			watchPath: {completed(5*time.Second, 2, map[string]int64{"r:0": 40, "r:1": 40}), completed(0, 2, nil), completed(0, 2, nil)},
		})
		sampler, session := s.watched(t, nil)
		var calls sync.WaitGroup
		for range 2 {
			calls.Go(func() {
				if _, err := sample(t.Context(), sampler); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		calls.Wait()
		time.Sleep(time.Minute)
		session.close()
		s.allDone()
		if at := seconds(s.times(pollPath)); !slices.Equal(at, []float64{5, 10}) {
			t.Errorf("fetched at %v", at)
		}
	})
}
