package server

import (
	"fmt"
	"net/http"
	"path"
	"strings"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/wire"
)

// A model is a Model that is being served.
type model struct {
	Model
	info engine.Info
	hub  hubRepo
}

// A sampler is what the API calls a sampling session: a session's model, and
// the samples that were asked of it.
type sampler struct {
	id      string
	session *session
	model   *model

	futures map[int64]*future        // by seq_id; results that were forgotten are gone
	logs    map[int64]*completionLog // by clone
	news    chan struct{}            // closed, and made anew, when a sample is done
	clones  int64                    // that have joined

	// forgotten holds the seq_ids whose results are gone, so that a late
	// resubmission is not taken for a new request and sampled again.
	forgotten seqSet
}

// samplerMark stands between a session's id and the number of its sampler.
const samplerMark = ":sample:"

func (s *Server) createSampler(w http.ResponseWriter, r *http.Request) error {
	var in wire.CreateSamplingSessionRequest
	if err := s.decode(w, r, &in); err != nil {
		return err
	}
	if in.ModelPath != "" {
		return refuse(http.StatusBadRequest, "model_path %q: saved weights are not supported by this server; name a base_model alone", in.ModelPath)
	}
	if in.SamplingSessionSeqID < 0 {
		return refuse(http.StatusBadRequest, "sampling_session_seq_id = %d is negative", in.SamplingSessionSeqID)
	}
	m, err := s.findModel(in.BaseModel)
	if err != nil {
		return err
	}
	id, err := s.registry.openSampler(in.SessionID, in.SamplingSessionSeqID, m)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, wire.CreateSamplingSessionResponse{Type: wire.TypeCreateSamplingSession, SamplingSessionID: id})
	return nil
}

func (s *Server) getSampler(w http.ResponseWriter, r *http.Request) error {
	p, err := s.registry.sampler(r.PathValue("sampling_session_id"))
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, wire.Sampler{SamplerID: p.id, BaseModel: p.model.Name})
	return nil
}

// joinSampler gives a clone of a sampling client a number of its own. One that
// asks again, as retries do, gets another: numbers may be left out.
func (s *Server) joinSampler(w http.ResponseWriter, r *http.Request) error {
	var in wire.JoinSamplingSessionRequest
	if err := s.decode(w, r, &in); err != nil {
		return err
	}
	n, err := s.registry.join(in.SamplingSessionID)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, wire.JoinSamplingSessionResponse{Type: wire.TypeJoinSamplingSession, ClientCounter: n})
	return nil
}

// findModel returns the model that a client names, in any case.
func (s *Server) findModel(name string) (*model, error) {
	if name == "" {
		return nil, refuse(http.StatusBadRequest, "base_model is missing; this server serves %s", s.served())
	}
	for _, m := range s.models {
		if strings.EqualFold(m.Name, name) {
			return m, nil
		}
	}
	base, variant, _ := strings.Cut(name, ":")
	for _, m := range s.models {
		if variant != "" && strings.EqualFold(m.Name, base) {
			return nil, refuse(http.StatusBadRequest, "base_model %q: variant %q is not served; name %q without it (context length %d)",
				name, variant, m.Name, m.info.ContextLength)
		}
	}
	for _, m := range s.models {
		if strings.EqualFold(path.Base(m.Name), name) {
			// Not taken for it: the client would look for a tokenizer under the name that it wrote.
			return nil, refuse(http.StatusNotFound, "unknown base_model %q; write %q, with the organisation. This server serves %s",
				name, m.Name, s.served())
		}
	}
	return nil, refuse(http.StatusNotFound, "unknown base_model %q; this server serves %s. To serve another, start it with --model NAME=PATH",
		name, s.served())
}

// served lists the models for messages.
func (s *Server) served() string {
	names := make([]string, len(s.models))
	for i, m := range s.models {
		names[i] = m.Name
	}
	return strings.Join(names, ", ")
}

// openSampler opens the session's sampler number n. To open it again, as
// retries do, gives the same.
func (g *registry) openSampler(sessionID string, n int64, m *model) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s, ok := g.sessions[sessionID]
	if !ok {
		return "", g.noSession(sessionID)
	}
	if p, ok := s.samplers[n]; ok {
		if p.model != m {
			return "", refuse(wire.StatusConflict, "sampling_session_seq_id %d of this session already samples from %s", n, p.model.Name)
		}
		return p.id, nil
	}
	if err := full("samplers", s.owner.samplers, g.limits.KeySamplers, len(g.samplers), g.limits.Samplers); err != nil {
		return "", err
	}
	p := &sampler{
		id:      fmt.Sprintf("%s%s%d", s.id, samplerMark, n),
		session: s,
		model:   m,
		futures: map[int64]*future{},
		logs:    map[int64]*completionLog{},
		news:    make(chan struct{}),
	}
	s.owner.samplers++
	s.samplers[n] = p
	g.samplers[p.id] = p
	return p.id, nil
}

// join returns the number of a new clone: 1 and up, the creator being 0.
func (g *registry) join(samplerID string) (int64, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p, err := g.findSampler(samplerID)
	if err != nil {
		return 0, err
	}
	p.clones++
	return p.clones, nil
}

// sampler returns the sampler id, whose id, session and model never change.
func (g *registry) sampler(id string) (*sampler, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.findSampler(id)
}

// findSampler is sampler for those who hold g.mu.
func (g *registry) findSampler(id string) (*sampler, error) {
	if p, ok := g.samplers[id]; ok {
		return p, nil
	}
	if sessionID, _, ok := strings.Cut(id, samplerMark); ok && g.ended.why(sessionID) != nil {
		return nil, g.noSession(sessionID)
	}
	return nil, unknown("sampling session", id)
}
