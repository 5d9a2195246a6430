package server

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"tinsmith.example/internal/wire"
)

// What there is to see of sessions from outside, for programs that look after
// them. Everybody sees their own: those that were opened with the same key.

// Bounds of one page of a listing.
const (
	defaultPage = 20
	maxPage     = 1000
)

// listSessions answers with the ids of the sessions that are open, newest first.
func (s *Server) listSessions(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	if err := checkScope(query); err != nil {
		return err
	}
	limit, err := queryNumber(query, "limit", defaultPage, 1, maxPage)
	if err != nil {
		return err
	}
	offset, err := queryNumber(query, "offset", 0, 0, 1<<31-1)
	if err != nil {
		return err
	}
	ids := s.registry.sessionsOf(s.tenant(r))
	ids = ids[min(offset, len(ids)):]
	writeJSON(w, http.StatusOK, wire.SessionList{Sessions: ids[:min(limit, len(ids))]})
	return nil
}

// getSession answers with what is in a session.
func (s *Server) getSession(w http.ResponseWriter, r *http.Request) error {
	if err := checkScope(r.URL.Query()); err != nil {
		return err
	}
	found, err := s.registry.describe(r.PathValue("session_id"), s.tenant(r))
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, found)
	return nil
}

// checkScope refuses other scopes than the API's two, which are the same here.
func checkScope(query url.Values) error {
	if scope := query.Get("access_scope"); scope != "" && scope != "owned" && scope != "accessible" {
		return refuse(http.StatusBadRequest, "access_scope = %.100q: want owned or accessible", scope)
	}
	return nil
}

// queryNumber returns the number that a query has under name.
func queryNumber(query url.Values, name string, otherwise, least, most int) (int, error) {
	text := query.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, refuse(http.StatusBadRequest, "%s = %.40q: want a number from %d to %d", name, text, least, most)
	}
	return n, nil
}

// sessionsOf returns the ids of the owner's sessions that are open, newest first.
func (g *registry) sessionsOf(owner string) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var found []*session
	for _, s := range g.sessions {
		if s.owner.key == owner {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b *session) int { return cmp.Compare(b.number, a.number) })
	ids := make([]string, len(found))
	for i, s := range found {
		ids[i] = s.id
	}
	return ids
}

// describe returns what is in the owner's session id. Another's is as unknown as
// one that never was.
func (g *registry) describe(id, owner string) (*wire.SessionInfo, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s, ok := g.sessions[id]
	if !ok {
		return nil, g.noSession(id)
	}
	if s.owner.key != owner {
		return nil, unknown("session", id)
	}
	out := &wire.SessionInfo{TrainingRunIDs: []string{}, SamplerIDs: []string{}, UserMetadata: s.metadata, DisplayName: s.displayName}
	for _, n := range slices.Sorted(maps.Keys(s.samplers)) {
		out.SamplerIDs = append(out.SamplerIDs, s.samplers[n].id)
	}
	return out, nil
}
