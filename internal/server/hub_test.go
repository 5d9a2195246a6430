package server

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"tinsmith.example/internal/tokenizer"
)

// letters is a tokenizer of a few tokens.
func letters(t *testing.T) *tokenizer.Tokenizer {
	t.Helper()
	tok, err := tokenizer.New(tokenizer.Spec{
		Model: "gpt2", Pre: "smollm",
		Tokens: []string{"<|end|>", "a", "b", "ab"}, Types: []int32{3, 1, 1, 1}, Merges: []string{"a b"},
		BOS: 0, EOS: 0, Unknown: -1, Padding: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// hub serves models of the given names, all with a tokenizer.
func hub(t *testing.T, names ...string) *caller {
	t.Helper()
	c := Config{Logger: slog.New(slog.DiscardHandler)}
	for _, name := range names {
		c.Models = append(c.Models, Model{Name: name, Backend: &fakeBackend{tokens: letters(t)}})
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return &caller{t, s}
}

func TestHubFile(t *testing.T) {
	c := hub(t, "Org/Model")
	want, err := letters(t).HubFiles()
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range want {
		r := request("GET", "/Org/Model/resolve/main/"+name, "")
		r.Header.Del("X-API-Key") // none is needed
		answer := c.do(r)
		status, body := read(t, answer)
		if status != 200 || string(body) != string(content) {
			t.Errorf("%s: %d, %d bytes, want %d", name, status, len(body), len(content))
		}
		commit, etag := answer.Header.Get("X-Repo-Commit"), answer.Header.Get("ETag")
		if len(commit) != 40 || len(etag) != 42 || answer.Header.Get("Content-Length") == "" {
			t.Errorf("%s: commit %q, etag %q, length %q", name, commit, etag, answer.Header.Get("Content-Length"))
		}
		// The commit is a revision, too; HEAD says the same without a body.
		head := c.do(request("HEAD", "/Org/Model/resolve/"+commit+"/"+name, ""))
		status, body = read(t, head)
		if status != 200 || len(body) != 0 || head.Header.Get("ETag") != etag || head.Header.Get("Content-Length") != answer.Header.Get("Content-Length") {
			t.Errorf("HEAD %s: %d, %d bytes, %v", name, status, len(body), head.Header)
		}
	}
	var config map[string]any
	_, body := c.get("/Org/Model/resolve/main/config.json")
	if err := json.Unmarshal(body, &config); err != nil || config["model_type"] != "llama" {
		t.Errorf("config.json: %s, %v", body, err)
	}
}

func TestHubKnowsNames(t *testing.T) {
	c := hub(t, "Org/Model", "a/b/variant", "meta-llama/Llama-3.2-1B", "plain")
	for _, tt := range []struct {
		path   string
		status int
		code   string
	}{
		{"/Org/Model/resolve/main/tokenizer.json", 200, ""},
		{"/org/model/resolve/main/tokenizer.json", 200, ""},
		{"/prefix/Org/Model/resolve/main/tokenizer.json", 200, ""},
		{"/a/b/resolve/main/tokenizer.json", 200, ""},
		{"/thinkingmachineslabinc/meta-llama-3-instruct-tokenizer/resolve/main/tokenizer.json", 200, ""},
		{"/plain/resolve/main/tokenizer.json", 200, ""},
		{"/api/models/Org/Model", 200, ""},
		{"/api/models/Org/Model/revision/main", 200, ""},
		{"/api/models/Org/Model/tree/main", 200, ""},
		{"/api/models/Org/Model/tree/main/additional_chat_templates", 404, noFile},
		{"/Org/Model/resolve/main/model.safetensors", 404, noFile},
		{"/Org/Model/resolve/main/../../etc/passwd", 404, noFile},
		{"/Org/Model/resolve/main/", 404, noFile},
		{"/Org/Model/resolve/v2/tokenizer.json", 404, noRevision},
		{"/Org/Model/resolve/refs%2Fpr%2F1/tokenizer.json", 404, noRevision},
		{"/api/models/Org/Model/revision/v2", 404, noRevision},
		{"/Other/Model/resolve/main/tokenizer.json", 404, noRepo},
		{"/XOrg/Model/resolve/main/tokenizer.json", 404, noRepo},
		{"/api/models/Other/Model", 404, noRepo},
		{"/api/models/", 404, noRepo},
	} {
		answer := c.do(request("GET", tt.path, ""))
		status, body := read(t, answer)
		if code := answer.Header.Get("X-Error-Code"); status != tt.status || code != tt.code {
			t.Errorf("%s: %d %q %.80s, want %d %q", tt.path, status, code, body, tt.status, tt.code)
		}
		if status != 200 {
			detail(t, body)
		}
	}
}

func TestHubInfo(t *testing.T) {
	c := hub(t, "Org/Model")
	_, body := c.get("/api/models/Org/Model")
	var info struct {
		ID, SHA  string
		Siblings []struct{ RFilename string }
	}
	if err := json.Unmarshal(body, &info); err != nil || info.ID != "Org/Model" || len(info.SHA) != 40 || len(info.Siblings) != 4 {
		t.Errorf("%s, %v", body, err)
	}
	_, body = c.get("/api/models/Org/Model/tree/main")
	if !strings.Contains(string(body), `"path":"tokenizer.json"`) || !strings.Contains(string(body), `"type":"file"`) {
		t.Errorf("tree: %s", body)
	}
}

// TestHubWithoutTokenizer: a backend may have none.
func TestHubWithoutTokenizer(t *testing.T) {
	_, c := serve(t, &fakeBackend{}, Limits{})
	answer := c.do(request("GET", "/"+fakeName+"/resolve/main/tokenizer.json", ""))
	if status, body := read(t, answer); status != http.StatusNotFound || answer.Header.Get("X-Error-Code") != noRepo {
		t.Errorf("%d %s", status, body)
	}
}

// TestHubIsGuarded: pages of other origins get no tokenizer either.
func TestHubIsGuarded(t *testing.T) {
	c := hub(t, "Org/Model")
	r := request("GET", "/Org/Model/resolve/main/tokenizer.json", "")
	r.Host = "evil.example"
	if status, _ := read(t, c.do(r)); status != http.StatusForbidden {
		t.Errorf("%d, want 403", status)
	}
}
