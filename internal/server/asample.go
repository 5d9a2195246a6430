package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"runtime/debug"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/wire"
)

// sample accepts a sample, starts it and answers with its promise. Its identity
// is (sampling_session_id, seq_id): sent again, it is not started again.
func (s *Server) sample(w http.ResponseWriter, r *http.Request) error {
	body, release, err := s.readBody(w, r, s.limits.BodyBytes)
	if err != nil {
		return err
	}
	defer release() // from then on it counts as queued
	var in wire.SampleRequest
	if err := decodeBody(body, &in); err != nil {
		return err
	}
	p, seq, err := s.identify(&in)
	if err != nil {
		return err
	}
	request, err := engineRequest(&in, p.model)
	if err != nil {
		return err
	}
	asked := understood(&in, request)
	j := job{digest: digest(&in), bodyBytes: int64(len(body)), numSamples: request.NumSamples, asked: asked}
	before, err := s.registry.known(p, seq, j)
	if err != nil {
		return err
	}
	if before != nil {
		writeJSON(w, http.StatusOK, before)
		return nil
	}
	if err := p.model.check(request); err != nil {
		return err
	}
	most := largestResult(request, p.model.info.ContextLength)
	if err := most.check(s.limits.KeyResultBytes); err != nil {
		return err
	}
	j.resultBytes = keptBytes + most.bytes() + askedBytes(asked)
	request.Session, request.Tenant = p.session.id, s.tenant(r)
	j.request = request
	targets := in.TargetPromptLogprobs // and nothing else of in, which would wait along
	j.run = func(ctx context.Context) answer { return s.run(ctx, p.model, request, targets) }
	promised, err := s.registry.submit(request.Tenant, p, seq, j)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, promised)
	return nil
}

// identify returns what in belongs to and its number there.
func (s *Server) identify(in *wire.SampleRequest) (*sampler, int64, error) {
	if in.SamplingSessionID == "" {
		return nil, 0, refuse(http.StatusBadRequest, "sampling_session_id is missing")
	}
	if in.SeqID == nil {
		return nil, 0, refuse(http.StatusBadRequest, "seq_id is missing")
	}
	if *in.SeqID < 0 {
		return nil, 0, refuse(http.StatusBadRequest, "seq_id = %d is negative", *in.SeqID)
	}
	p, err := s.registry.sampler(in.SamplingSessionID)
	return p, *in.SeqID, err
}

// tenant tells apart those who may not learn from the engine's cache what others
// ask, and whose limits are their own. Whoever has the server's key is one of
// them; without one, whoever has the same.
func (s *Server) tenant(r *http.Request) string {
	if s.guard.hasKey {
		return ""
	}
	key := sha256.Sum256([]byte(r.Header.Get(wire.HeaderAPIKey)))
	return string(key[:])
}

// digest tells requests apart, whatever the layout of their JSON. Members that
// the server does not know have no part in it: those that ask for something
// were refused before.
func digest(in *wire.SampleRequest) [32]byte {
	known := *in
	known.Unknown, known.SamplingParams.Unknown = nil, nil
	if p := known.SamplingParams.MinP; p != nil && *p == 0 { // asks for nothing either
		known.SamplingParams.MinP = nil
	}
	canonical, err := wire.Encode(&known)
	if err != nil {
		panic(err) // what was decoded can be encoded
	}
	return sha256.Sum256(canonical)
}

// check asks the backend about a request.
func (m *model) check(r *engine.Request) error {
	err := m.Backend.Check(r)
	if full, ok := errors.AsType[*engine.CacheError](err); ok {
		return refuse(http.StatusBadRequest, "%v: ask for less, or start the server with --memory %dB or more", full, full.Need)
	}
	if bad, ok := errors.AsType[*engine.ArgumentError](err); ok {
		return refuse(http.StatusBadRequest, "%v", bad)
	}
	if errors.Is(err, engine.ErrClosed) {
		return errShutDown()
	}
	return err
}

// run makes the answer of one sample. Whatever happens in it is that sample's
// failure alone.
func (s *Server) run(ctx context.Context, m *model, r *engine.Request, targets *wire.Tensor) (a answer) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("sample panicked", "model", m.Name, "panic", p, "stack", string(debug.Stack()))
			a = failed(wire.CategoryServer, internalFault)
		}
	}()
	result, err := m.Backend.Sample(ctx, r)
	if err != nil {
		return s.failure(ctx, m, err)
	}
	message, err := sampleResponse(r, targets, result)
	if err != nil {
		return s.failure(ctx, m, err)
	}
	binary, err := message.MarshalBinary()
	if err != nil {
		return s.failure(ctx, m, err)
	}
	return answer{binary: binary, seed: result.Seed}
}

// failure says whose fault err is, and what to do about it. What panicked is for
// the log alone.
func (s *Server) failure(ctx context.Context, m *model, err error) answer {
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if _, ok := errors.AsType[*engine.ArgumentError](err); ok || isCancellation(err) {
		return failed(wire.CategoryUser, err.Error())
	}
	if errors.Is(err, errServerGone) || errors.Is(err, engine.ErrClosed) {
		return failed(wire.CategoryServer, errServerGone.Error()+": when it is back, make a new service client and send the sample again")
	}
	if panicked, ok := errors.AsType[*engine.PanicError](err); ok {
		s.log.Error("sample panicked", "model", m.Name, "panic", panicked.Value, "stack", string(panicked.Stack))
		return failed(wire.CategoryServer, internalFault)
	}
	s.log.Error("sample failed", "model", m.Name, "error", err)
	if bad, ok := errors.AsType[*engine.NonFiniteError](err); ok {
		return failed(wire.CategoryServer, bad.Error()+": its weights overflow with this text; another prompt or another file of the model may do")
	}
	return failed(wire.CategoryServer, err.Error())
}

// internalFault is what clients are told of a fault of ours.
const internalFault = "an internal error, which the server's log describes; sending the sample again may work"

func failed(category, text string) answer {
	return answer{failure: &wire.FailedFuture{Error: text, Category: category}}
}
