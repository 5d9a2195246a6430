package server

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tinsmith.example/internal/wire"
)

// retrieveFutures says which samples of a clone are done, and waits for the next
// one if there is none that the client has not seen. It also takes the client's
// word for which results it has. The results themselves are retrieve_future's.
func (s *Server) retrieveFutures(w http.ResponseWriter, r *http.Request) error {
	var in wire.RetrieveFuturesRequest
	if err := s.decode(w, r, &in); err != nil {
		return err
	}
	wait, err := pollTime(&in, s.limits.PollTime)
	if err != nil {
		return err
	}
	p, err := s.registry.sampler(in.Target.SamplingSessionID)
	if err != nil {
		why := s.registry.whyOver(in.Target.SamplingSessionID)
		if why != nil && wait == 0 {
			// An acknowledgement that the end of the session has overtaken. The
			// client may have ended it itself, and would log an error.
			writeJSON(w, http.StatusOK, wire.RetrieveFuturesResponse{Completions: []wire.Completion{}, Cursor: in.PrevCursor})
			return nil
		}
		linger(r, why)
		return err
	}
	if err := s.registry.acknowledge(p, &in); err != nil {
		return err
	}
	defer s.registry.polled(p.session)()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for last := wait == 0; ; {
		answer, news := s.registry.completions(p, &in)
		if news == nil && !last {
			linger(r, context.Cause(p.session.ctx))
			last = true
		}
		if last || len(answer.Completions) > 0 {
			writeJSON(w, http.StatusOK, answer)
			return nil
		}
		select {
		case <-news:
		case <-timer.C:
			last = true
		case <-r.Context().Done(): // the client has gone; what it has not seen, it may ask for again
			last = true
		}
	}
}

// pollTime checks what a poll says and returns how long it waits.
func pollTime(in *wire.RetrieveFuturesRequest, most time.Duration) (time.Duration, error) {
	if t := in.Target.Type; t != "" && t != wire.TypeSamplingSession {
		return 0, refuse(http.StatusBadRequest, "target.type = %q: want %q", t, wire.TypeSamplingSession)
	}
	if n := in.Target.ClonedSamplerID; n < 0 {
		return 0, badValue("target.cloned_sampler_id", n, "want 0 or more")
	}
	if n := in.PrevCursor; n < 0 {
		return 0, badValue("prev_cursor", n, "want 0 or more")
	}
	seconds := valueOr(in.Timeout, most.Seconds())
	if !(seconds >= 0) {
		return 0, badValue("timeout", seconds, "want 0 s or more, or leave it out for as long as the server waits")
	}
	return time.Duration(min(seconds, most.Seconds()) * float64(time.Second)), nil
}

// finishTime is how long a poll lingers in a session that was finished.
const finishTime = 2 * time.Second

// linger keeps the answer of a poll back for a moment if its session was finished
// by the client. A client that closes with samples in work says so first and stops
// its polls then: an answer in between would make it poll again, and log that it
// cannot. Copies of the client in other processes learn of the end a little later.
func linger(r *http.Request, why error) {
	if !errors.Is(why, errFinished) {
		return
	}
	select {
	case <-time.After(finishTime):
	case <-r.Context().Done():
	}
}

// whyOver says how the session of the sampler id ended; nil if it has not.
func (g *registry) whyOver(id string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	sessionID, _, ok := strings.Cut(id, samplerMark)
	if !ok {
		return nil
	}
	return g.ended.why(sessionID)
}

// acknowledge checks a poll's cursor and ids, drops what the client has seen
// from its log, and takes the results that it says it has for delivered: they are
// the first to go when memory is short.
func (g *registry) acknowledge(p *sampler, in *wire.RetrieveFuturesRequest) error {
	clone := in.Target.ClonedSamplerID
	seqs := make([]int64, 0, len(in.RetrievedRequestIDs))
	for _, id := range in.RetrievedRequestIDs {
		number, ok := strings.CutPrefix(id, p.id+":")
		seq, err := strconv.ParseInt(number, 10, 64)
		if !ok || err != nil || requestID(p.id, seq) != id || cloneOf(seq) != clone {
			return refuse(http.StatusBadRequest, "retrieved_request_ids: %.200q is not of the target, clone %d of %q", id, clone, p.id)
		}
		seqs = append(seqs, seq)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	log := p.log(clone)
	if in.PrevCursor > log.cursor {
		return badValue("prev_cursor", in.PrevCursor, "the latest of this target is %d", log.cursor)
	}
	log.trim(in.PrevCursor)
	for _, seq := range seqs {
		if f, ok := p.futures[seq]; ok { // others were forgotten already
			g.markAcknowledged(f)
		}
	}
	return nil
}

// completions returns what a poll of p is answered now, and what is closed when
// that may have changed; nil if it will not any more.
func (g *registry) completions(p *sampler, in *wire.RetrieveFuturesRequest) (*wire.RetrieveFuturesResponse, <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	answer := p.log(in.Target.ClonedSamplerID).first(p.id)
	if g.samplers[p.id] != p {
		return answer, nil
	}
	return answer, p.news
}
