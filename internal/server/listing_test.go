package server

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"tinsmith.example/internal/wire"
)

// TestSessionsAreListedNewestFirst, in pages, to those who opened them.
func TestSessionsAreListedNewestFirst(t *testing.T) {
	_, c := serve(t, &fakeBackend{}, Limits{})
	var want []string
	for range 25 {
		want = append([]string{c.session()}, want...)
	}
	page := func(query string) []string {
		status, body := c.get(wire.PathListSessions + query)
		var out wire.SessionList
		if err := wire.Decode(body, &out); status != http.StatusOK || err != nil || out.Sessions == nil {
			t.Fatalf("%s: %d %s, %v", query, status, body, err)
		}
		return out.Sessions
	}
	for query, list := range map[string][]string{
		"":                             want[:20],
		"?limit=20&offset=20":          want[20:],
		"?limit=3&access_scope=owned":  want[:3],
		"?limit=1000&offset=24":        want[24:],
		"?offset=25":                   {},
		"?offset=2147483647":           {},
		"?access_scope=accessible&x=1": want[:20],
	} {
		if got := page(query); !slices.Equal(got, list) {
			t.Errorf("%s: %v, want %v", query, got, list)
		}
	}
	for _, query := range []string{"?limit=0", "?limit=1001", "?limit=x", "?limit=9223372036854775808", "?offset=-1", "?offset=2147483648", "?access_scope=all"} {
		name, _, _ := strings.Cut(query[1:], "=")
		if status, body := c.get(wire.PathListSessions + query); status != 400 || !strings.Contains(detail(t, body), name) {
			t.Errorf("%s: %d %s, want 400 about %s", query, status, body, name)
		}
	}
	c.post(wire.FinishSessionPath(want[0]), `{}`)
	if got := page(""); !slices.Equal(got, want[1:21]) {
		t.Errorf("after the end of the newest: %v", got)
	}
	other := request("GET", wire.PathListSessions, "")
	other.Header.Set("X-API-Key", "tml-other")
	if status, body := read(t, c.do(other)); status != 200 || string(body) != `{"sessions":[]}` {
		t.Errorf("with another key: %d %s", status, body)
	}
}

func TestSessionSaysWhatIsInIt(t *testing.T) {
	_, c := serve(t, &fakeBackend{}, Limits{})
	session := must[wire.CreateSessionResponse](c, wire.PathCreateSession,
		`{"tags":["a"],"user_metadata":{"experiment":"demo"},"display_name":"demo run","project_id":"p","sdk_version":"0.38.0"}`).SessionID
	one, ten := c.sampler(session, 1), c.sampler(session, 10)
	status, body := c.get(wire.SessionPath(session) + "?access_scope=owned")
	if want := `{"training_run_ids":[],"sampler_ids":["` + one + `","` + ten + `"],"user_metadata":{"experiment":"demo"},"display_name":"demo run"}`; status != 200 || string(body) != want {
		t.Errorf("%d %s, want %s", status, body, want)
	}
	if status, body := c.get(wire.SessionPath(c.session())); status != 200 || string(body) != `{"training_run_ids":[],"sampler_ids":[],"user_metadata":{}}` {
		t.Errorf("an empty one: %d %s", status, body)
	}
	other := request("GET", wire.SessionPath(session), "")
	other.Header.Set("X-API-Key", "tml-other")
	if status, body := read(t, c.do(other)); status != 404 {
		t.Errorf("with another key: %d %s, want 404", status, body)
	}
	c.post(wire.FinishSessionPath(session), `{}`)
	if status, body := c.get(wire.SessionPath(session)); status != 404 || !strings.Contains(detail(t, body), "finished") {
		t.Errorf("after its end: %d %s, want 404 that says so", status, body)
	}
}

// TestLabelsAreBounded: they are kept as long as the session.
func TestLabelsAreBounded(t *testing.T) {
	_, c := serve(t, &fakeBackend{}, Limits{})
	many := map[string]string{}
	for i := range maxLabelEntries + 1 {
		many[string(rune(0x100+i))] = ""
	}
	for name, in := range map[string]wire.CreateSessionRequest{
		"257 entries":   {UserMetadata: many},
		"display_name":  {DisplayName: strings.Repeat("x", maxLabelBytes+1)},
		"user_metadata": {UserMetadata: map[string]string{"a": "b", strings.Repeat("x", maxLabelBytes/2): strings.Repeat("y", maxLabelBytes/2)}},
	} {
		if status, body := c.post(wire.PathCreateSession, in); status != 400 || !strings.Contains(detail(t, body), name) {
			t.Errorf("%d %s, want 400 about %s", status, body, name)
		}
	}
}
