package server

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/wire"
)

// poll asks from cursor on, as long as the server likes.
func (c *caller) poll(sampler string, clone, cursor int64, retrieved ...string) wire.RetrieveFuturesResponse {
	c.t.Helper()
	return must[wire.RetrieveFuturesResponse](c, wire.PathRetrieveFutures, pollOf(sampler, clone, cursor, nil, retrieved...))
}

// peek is poll that does not wait.
func (c *caller) peek(sampler string, clone, cursor int64, retrieved ...string) wire.RetrieveFuturesResponse {
	c.t.Helper()
	return must[wire.RetrieveFuturesResponse](c, wire.PathRetrieveFutures, pollOf(sampler, clone, cursor, new(0.0), retrieved...))
}

func pollOf(sampler string, clone, cursor int64, timeout *float64, retrieved ...string) wire.RetrieveFuturesRequest {
	return wire.RetrieveFuturesRequest{
		Target:              wire.FuturesTarget{Type: wire.TypeSamplingSession, SamplingSessionID: sampler, ClonedSamplerID: clone},
		PrevCursor:          cursor,
		Timeout:             timeout,
		RetrievedRequestIDs: retrieved,
	}
}

// outcomes says which samples an answer names, and how they ended.
func outcomes(r wire.RetrieveFuturesResponse) string {
	var list []string
	for _, c := range r.Completions {
		list = append(list, c.RequestID[strings.LastIndexByte(c.RequestID, ':')+1:]+" "+c.State)
	}
	return fmt.Sprintf("%s, to %d", strings.Join(list, ", "), r.Cursor)
}

// TestCompletionsComeInOrder: each once, under a cursor from which a client that
// has lost an answer gets it again.
func TestCompletionsComeInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := serve(t, &fakeBackend{sample: func(ctx context.Context, r *engine.Request) (*engine.Result, error) {
			time.Sleep(time.Duration(r.MaxTokens) * time.Second)
			if r.MaxTokens == 2 {
				return nil, &engine.ArgumentError{Field: "prompt", Value: 1, Reason: "is bad"}
			}
			return fakeResult(r), nil
		}}, Limits{})
		id := c.newSampler()
		for seq, seconds := range []int{3, 1, 2} {
			r := sampleOf(id, int64(seq))
			r.SamplingParams.MaxTokens = &seconds
			c.submit(r)
		}
		start := time.Now()
		got := c.poll(id, 0, 0)
		if took := time.Since(start); outcomes(got) != "1 finished, to 1" || took != time.Second {
			t.Errorf("first poll: %s after %v", outcomes(got), took)
		}
		_, binary := c.retrieve(got.Completions[0].RequestID)
		if size := got.Completions[0].ResponsePayloadUncompressedSize; size == nil || *size != int64(len(binary)) {
			t.Errorf("size of the result: %v, want %d", size, len(binary))
		}
		if again := c.poll(id, 0, 0); outcomes(again) != outcomes(got) {
			t.Errorf("the same poll again: %s, want %s", outcomes(again), outcomes(got))
		}
		if got := c.poll(id, 0, 1); outcomes(got) != "2 failed, to 2" || got.Completions[0].ResponsePayloadUncompressedSize != nil {
			t.Errorf("second poll: %+v", got)
		}
		time.Sleep(time.Minute)
		if got := c.poll(id, 0, 1); outcomes(got) != "2 failed, 0 finished, to 3" {
			t.Errorf("third poll: %s", outcomes(got))
		}
		if got := c.peek(id, 0, 3); outcomes(got) != ", to 3" {
			t.Errorf("after all: %s", outcomes(got))
		}
	})
}

// TestPollIsLongWithoutNews: 30 s, less if the client says so, and not at all if
// it only has something to say.
func TestPollIsLongWithoutNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := serve(t, &fakeBackend{sample: blocked(nil)}, Limits{})
		id := c.newSampler()
		c.submit(sampleOf(id, 0))
		for _, tt := range []struct {
			timeout *float64
			want    time.Duration
		}{{nil, 30 * time.Second}, {new(0.0), 0}, {new(2.5), 2500 * time.Millisecond}, {new(1e300), 30 * time.Second}} {
			start := time.Now()
			got := must[wire.RetrieveFuturesResponse](c, wire.PathRetrieveFutures, pollOf(id, 0, 0, tt.timeout))
			if took := time.Since(start); took != tt.want || len(got.Completions) != 0 || got.Completions == nil || got.Cursor != 0 {
				t.Errorf("timeout %v: %+v after %v, want nothing after %v", tt.timeout, got, took, tt.want)
			}
		}
	})
}

// TestClonesArePolledApart: a poll tells of its own clone's samples alone.
func TestClonesArePolledApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := serve(t, &fakeBackend{}, Limits{})
		id := c.newSampler()
		for clone := range int64(3) {
			if n := must[wire.JoinSamplingSessionResponse](c, wire.PathJoinSamplingSession, wire.JoinSamplingSessionRequest{SamplingSessionID: id}).ClientCounter; n != clone+1 {
				t.Errorf("clone %d, want %d", n, clone+1)
			}
			c.submit(sampleOf(id, clone*wire.SeqIDsPerClone+7))
		}
		c.submit(sampleOf(id, 999_999_999*wire.SeqIDsPerClone))
		synctest.Wait()
		for clone, want := range map[int64]string{0: "7 finished, to 1", 1: "1000000007 finished, to 1", 2: "2000000007 finished, to 1", 999_999_999: "999999999000000000 finished, to 1"} {
			if got := c.poll(id, clone, 0); outcomes(got) != want {
				t.Errorf("clone %d: %s, want %s", clone, outcomes(got), want)
			}
		}
	})
	_, c := serve(t, &fakeBackend{}, Limits{})
	if status, body := c.post(wire.PathJoinSamplingSession, `{"sampling_session_id":"x:sample:0"}`); status != 404 {
		t.Errorf("join of an unknown one: %d %s, want 404", status, body)
	}
}

// TestNumbersKeepAllTheirBits: a float has 53.
func TestNumbersKeepAllTheirBits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := serve(t, &fakeBackend{}, Limits{})
		id := c.newSampler()
		for i := range int64(3) {
			seq := int64(1)<<60 + i
			if p := c.submit(sampleOf(id, seq)); p.RequestID != fmt.Sprintf("%s:%d", id, seq) {
				t.Errorf("seq_id %d: request_id %q", seq, p.RequestID)
			}
		}
		synctest.Wait()
		if got := c.poll(id, 1<<60/wire.SeqIDsPerClone, 0); len(got.Completions) != 3 {
			t.Errorf("completions: %s, want 3", outcomes(got))
		}
	})
}

// TestManyCompletionsComeInPages that leave none out.
func TestManyCompletionsComeInPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := serve(t, &fakeBackend{}, Limits{})
		id := c.newSampler()
		const many = 2*maxCompletions + 1
		for seq := range int64(many) {
			c.submit(sampleOf(id, seq))
		}
		synctest.Wait()
		seen := map[string]bool{}
		cursor := int64(0)
		for _, want := range []int{maxCompletions, maxCompletions, 1, 0} {
			got := c.poll(id, 0, cursor)
			if len(got.Completions) != want {
				t.Errorf("%d completions from %d on, want %d", len(got.Completions), cursor, want)
			}
			for _, done := range got.Completions {
				seen[done.RequestID] = true
			}
			cursor = got.Cursor
		}
		if len(seen) != many {
			t.Errorf("%d samples are done, want %d", len(seen), many)
		}
	})
}

// TestAcknowledgedResultsGoFirst: before what was delivered earlier, and what was
// not. Until then they can still be fetched.
func TestAcknowledgedResultsGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := serve(t, &fakeBackend{}, Limits{ResultBytes: 4 * (keptBytes + 100)}) // for four of these
		id := c.newSampler()
		for seq := range int64(4) {
			c.submit(sampleOf(id, seq))
			synctest.Wait()
		}
		c.retrieve(requestID(id, 1))
		c.retrieve(requestID(id, 2))
		c.peek(id, 0, 4, requestID(id, 2), requestID(id, 3))
		if status, _ := c.retrieve(requestID(id, 3)); status != 200 {
			t.Errorf("an acknowledged result: %d, want 200", status)
		}
		for seq := range int64(2) { // each pushes out one
			c.submit(sampleOf(id, seq+10))
			synctest.Wait()
		}
		var statuses []int
		for seq := range int64(4) {
			statuses = append(statuses, first(c.retrieve(requestID(id, seq))))
		}
		if want := []int{200, 200, 410, 410}; !slices.Equal(statuses, want) {
			t.Errorf("%v, want %v", statuses, want)
		}
	})
}

// TestForgottenCompletions: who waits for a result that is gone, hears of it, and
// nothing is kept of a result that was delivered.
func TestForgottenCompletions(t *testing.T) {
	var l completionLog
	var futures []*future
	for seq := range int64(4) {
		f := &future{seq: seq, answer: answer{binary: []byte{1, 2, 3}}}
		l.add(f)
		l.forget(&future{seq: seq}) // which is in no log
		futures = append(futures, f)
	}
	futures[1].delivered = true
	l.forget(futures[1])
	l.forget(futures[2])
	if got := outcomes(*l.first("x")); got != "0 finished, 2 failed, 3 finished, to 4" {
		t.Errorf("completions: %s", got)
	}
	l.trim(3)
	if got := outcomes(*l.first("x")); got != "3 finished, to 4" {
		t.Errorf("after 3: %s", got)
	}
	l.trim(4)
	for _, f := range futures { // again, or after the client has seen them
		l.forget(f)
	}
	if got := outcomes(*l.first("x")); got != ", to 4" || l.entries.Len() != 0 {
		t.Errorf("after 4: %s and %d entries", got, l.entries.Len())
	}
}

// TestEndOfSessionEndsPolls: who waits is told that its samples failed, and an
// acknowledgement that comes after is no error.
func TestEndOfSessionEndsPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := serve(t, &fakeBackend{sample: blocked(nil)}, Limits{})
		session := c.session()
		id := c.sampler(session, 0)
		c.submit(sampleOf(id, 0))
		go func() {
			time.Sleep(time.Second)
			c.post(wire.FinishSessionPath(session), `{}`)
		}()
		start := time.Now()
		if got := c.poll(id, 0, 0); outcomes(got) != "0 failed, to 1" || time.Since(start) != time.Second+finishTime {
			t.Errorf("%s after %v, want the failure a while after 1s", outcomes(got), time.Since(start))
		}
		if got := c.peek(id, 0, 1, requestID(id, 0)); outcomes(got) != ", to 1" {
			t.Errorf("acknowledgement after the end: %s", outcomes(got))
		}
		if status, body := c.post(wire.PathRetrieveFutures, pollOf(id, 0, 1, nil)); status != 404 || !strings.Contains(detail(t, body), "finished") {
			t.Errorf("poll after the end: %d %s, want 404 that says why", status, body)
		}

		id = c.newSampler()
		c.submit(sampleOf(id, 0))
		time.Sleep(10*time.Minute - time.Second)
		start = time.Now()
		if got := c.poll(id, 0, 0); outcomes(got) != "0 failed, to 1" || time.Since(start) != time.Second {
			t.Errorf("%s after %v, want the failure as the session lapses", outcomes(got), time.Since(start))
		}
	})
}

// TestPollsHearOfEverySample once, though answers to polls are lost and samples
// cancelled. Run it with -race.
func TestPollsHearOfEverySample(t *testing.T) {
	_, c := serve(t, &fakeBackend{sample: func(ctx context.Context, r *engine.Request) (*engine.Result, error) {
		select {
		case <-time.After(time.Duration(r.Prompt[0]) * 100 * time.Microsecond):
			return fakeResult(r), nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}}, Limits{PollTime: 20 * time.Millisecond})
	id := c.newSampler()
	const samples = 80
	var wg sync.WaitGroup
	for clone := range int64(4) {
		first := clone * wire.SeqIDsPerClone
		random := rand.New(rand.NewPCG(1, uint64(clone)))
		wg.Go(func() {
			for i := range int64(samples) {
				r := sampleOf(id, first+i)
				r.Prompt.Chunks[0].Tokens[0] = random.Int32N(100)
				p := c.submit(r)
				if random.IntN(4) == 0 {
					c.post(wire.PathCancelFuture, wire.CancelFutureRequest{RequestID: p.RequestID})
				}
			}
		})
		wg.Go(func() {
			seen := map[string]bool{}
			var has []string
			for cursor := int64(0); len(seen) < samples; {
				if clone%2 == 0 {
					c.peek(id, clone, cursor) // whose answer is lost
				}
				got := c.poll(id, clone, cursor, has...)
				has = nil
				for _, done := range got.Completions {
					if seen[done.RequestID] {
						t.Errorf("%s is done again", done.RequestID)
					}
					seen[done.RequestID] = true
					if status, body := c.retrieve(done.RequestID); status != 200 {
						t.Errorf("%s, which is done: %d %s", done.RequestID, status, body)
					}
					has = append(has, done.RequestID)
				}
				if int(got.Cursor-cursor) != len(got.Completions) {
					t.Errorf("%d completions from %d to %d", len(got.Completions), cursor, got.Cursor)
				}
				cursor = got.Cursor
			}
		})
	}
	wg.Wait()
}

// TestPollOfClientThatHasGone ends at once, and takes nothing from the next one.
func TestPollOfClientThatHasGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s, c := serve(t, &fakeBackend{sample: blocked(release)}, Limits{})
		id := c.newSampler()
		c.submit(sampleOf(id, 0))
		ctx, hangUp := context.WithCancel(t.Context())
		body, _ := wire.Encode(pollOf(id, 0, 0, nil))
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.ServeHTTP(httptest.NewRecorder(), request("POST", wire.PathRetrieveFutures, string(body)).WithContext(ctx))
		}()
		synctest.Wait()
		start := time.Now()
		hangUp()
		<-done
		if took := time.Since(start); took != 0 {
			t.Errorf("the poll went on for %v", took)
		}
		close(release)
		if got := c.poll(id, 0, 0); outcomes(got) != "0 finished, to 1" {
			t.Errorf("next poll: %s", outcomes(got))
		}
	})
}

func TestPollsAreRefusedByName(t *testing.T) {
	_, c := serve(t, &fakeBackend{}, Limits{})
	id := c.newSampler()
	other := c.newSampler()
	for _, tt := range []struct {
		members string
		status  int
		want    string
	}{
		{`"target":{"sampling_session_id":"x:sample:0"}`, 404, "x:sample:0"},
		{`"target":{"type":"training_run","sampling_session_id":"` + id + `"}`, 400, "target.type"},
		{`"target":{"sampling_session_id":"` + id + `","cloned_sampler_id":-1}`, 400, "target.cloned_sampler_id"},
		{`"target":{"sampling_session_id":"` + id + `"},"prev_cursor":-1`, 400, "prev_cursor"},
		{`"target":{"sampling_session_id":"` + id + `"},"prev_cursor":1`, 400, "prev_cursor = 1"},
		{`"target":{"sampling_session_id":"` + id + `"},"timeout":-1`, 400, "timeout"},
		{`"target":{"sampling_session_id":"` + id + `"},"timeout":0,"retrieved_request_ids":["` + other + `:0"]`, 400, "retrieved_request_ids"},
		{`"target":{"sampling_session_id":"` + id + `"},"timeout":0,"retrieved_request_ids":["` + id + `:1000000000"]`, 400, "clone 0"},
		{`"target":{"sampling_session_id":"` + id + `"},"timeout":0,"retrieved_request_ids":["` + id + `:00"]`, 400, "retrieved_request_ids"},
		{`"target":{"sampling_session_id":"` + id + `"},"timeout":0,"retrieved_request_ids":["` + id + `:5"]`, 200, ""}, // forgotten, for all we know
		{`"target":{"sampling_session_id":"` + id + `","cloned_sampler_id":9999},"timeout":0`, 200, ""},
	} {
		if status, body := c.post(wire.PathRetrieveFutures, "{"+tt.members+"}"); status != tt.status || tt.want != "" && !strings.Contains(detail(t, body), tt.want) {
			t.Errorf("%s: %d %s, want %d about %s", tt.members, status, body, tt.status, tt.want)
		}
	}
}

// TestWhoPollsLearnsThatTheServerStops: of each of its samples, and then Close does
// not wait any longer; nor does it for clients that do not poll.
func TestWhoPollsLearnsThatTheServerStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := serve(t, &fakeBackend{sample: blocked(nil)}, Limits{})
		id, silent := c.newSampler(), c.newSampler()
		promises := []wire.Promise{c.submit(sampleOf(id, 0)), c.submit(sampleOf(id, 1))}
		c.submit(sampleOf(silent, 0))
		told := make(chan struct{})
		go func() {
			defer close(told)
			got := c.poll(id, 0, 0)
			if len(got.Completions) == 0 {
				t.Errorf("the poll that waited: %s", outcomes(got))
			}
			for _, p := range promises {
				status, body := c.retrieve(p.RequestID)
				if !strings.Contains(string(body), errServerGone.Error()) || status != 200 {
					t.Errorf("%s: %d %s", p.RequestID, status, body)
				}
			}
		}()
		synctest.Wait()
		start := time.Now()
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took >= farewellTime {
			t.Errorf("Close took %v", took)
		}
		<-told
	})
}
