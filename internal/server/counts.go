package server

// Counts are what a server has, and has done, so that somebody can see whether
// anything is left over.
type Counts struct {
	Sessions    int   `json:"sessions"`     // alive
	Samplers    int   `json:"samplers"`     // of them
	Samples     int   `json:"samples"`      // in work
	Results     int   `json:"results"`      // kept
	ResultBytes int64 `json:"result_bytes"` // of these
	Started     int64 `json:"started"`      // samples so far
	Repeated    int64 `json:"repeated"`     // requests that named a sample that had been started
}

// Counts returns them as they are at one moment.
func (s *Server) Counts() Counts {
	g := s.registry
	g.mu.Lock()
	defer g.mu.Unlock()
	c := Counts{
		Sessions: len(g.sessions), Samplers: len(g.samplers), Samples: g.work.samples, ResultBytes: g.kept,
		Started: g.started, Repeated: g.repeated,
	}
	for _, a := range g.accounts {
		c.Results += a.results.delivered.Len() + a.results.undelivered.Len()
	}
	return c
}
