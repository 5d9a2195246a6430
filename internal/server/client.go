package server

import (
	"net/http"

	"tinsmith.example/internal/wire"
)

// What a client asks before it does anything: how to behave, and what there is.

// clientConfig answers with every flag.
func (s *Server) clientConfig(w http.ResponseWriter, r *http.Request) error {
	var in wire.ConfigRequest
	if err := s.decodeOptional(w, r, &in); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, s.client)
	return nil
}

func (s *Server) dynamicConfig(w http.ResponseWriter, r *http.Request) error {
	var in wire.ConfigRequest
	if err := s.decodeOptional(w, r, &in); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, s.dynamic)
	return nil
}

func (s *Server) capabilities(w http.ResponseWriter, _ *http.Request) error {
	out := wire.ServerCapabilities{SupportedModels: []wire.SupportedModel{}}
	for _, m := range s.models {
		out.SupportedModels = append(out.SupportedModels, wire.SupportedModel{
			ModelName:        m.Name,
			MaxContextLength: &m.info.ContextLength,
			Trainable:        new(false),
			Sampleable:       new(true),
		})
	}
	writeJSON(w, http.StatusOK, out)
	return nil
}

func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, wire.Health{Status: "ok"})
}

// telemetry takes clients' events and keeps none: what they hold is about the
// client's process, and may hold secrets of it.
func (s *Server) telemetry(w http.ResponseWriter, r *http.Request) error {
	var in wire.TelemetryRequest
	if err := s.decode(w, r, &in); err != nil {
		return err
	}
	s.log.Debug("telemetry", "session", clip(in.SessionID), "events", len(in.Events))
	writeJSON(w, http.StatusOK, wire.TelemetryResponse{Status: wire.TelemetryAccepted})
	return nil
}
