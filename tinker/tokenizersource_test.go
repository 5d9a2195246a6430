package tinker

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tinsmith.example/internal/wire"
)

// lettered is smallTokenizer with another name for its last token, which says
// where it came from.
func lettered(letter string) string {
	return strings.Replace(smallTokenizer, `":": 5`, `"`+letter+`": 5`, 1)
}

// cameFrom returns the letter of a tokenizer.
func cameFrom(t *testing.T, tok *Tokenizer, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return tok.Decode([]int32{5})
}

// modelServer is a server of the API with one tokenizer, or none.
func modelServer(t *testing.T, path, definition string) *ServiceClient {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/api/"):
			io.WriteString(w, `{"session_id":"S","sampling_session_id":"S:0"}`)
		case path != "" && r.URL.Path == "/"+path+"/resolve/main/tokenizer.json":
			io.WriteString(w, definition)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	svc, err := NewServiceClient(WithBaseURL(server.URL), WithAPIKey(testKey), WithTelemetry(false))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { svc.Close(context.WithoutCancel(t.Context())) })
	return svc
}

func (c *ServiceClient) tokenizer(t *testing.T, cfg SamplingClientConfig) (*Tokenizer, error) {
	t.Helper()
	client, err := c.CreateSamplingClient(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return client.Tokenizer(t.Context())
}

// fakeHub answers for the Hub with files by path, and is what the environment
// says.
func fakeHub(t *testing.T, files map[string]string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get(wire.HeaderAPIKey); got != "" {
			t.Errorf("the Hub was sent the key %q", got)
		}
		if text, ok := files[r.URL.Path]; ok {
			io.WriteString(w, text)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)
	t.Setenv("HF_ENDPOINT", server.URL)
	t.Setenv("HF_HUB_OFFLINE", "")
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// Each place is asked only when those before it have nothing.
func TestWhereTokenizersComeFrom(t *testing.T) {
	fakeHub(t, map[string]string{"/org/model/resolve/main/tokenizer.json": lettered("H")})
	silent := modelServer(t, "", "")
	cfg := SamplingClientConfig{BaseModel: "org/model:peft:1024"}

	tok, err := silent.tokenizer(t, cfg)
	if got := cameFrom(t, tok, err); got != "H" {
		t.Errorf("from %s, want the Hub", got)
	}

	home := t.TempDir()
	t.Setenv("HF_HOME", home)
	commit := strings.Repeat("a", 40)
	repo := filepath.Join(home, "hub", "models--org--model")
	put(t, filepath.Join(repo, "refs", "main"), commit)
	put(t, filepath.Join(repo, "snapshots", commit, "tokenizer.json"), lettered("C"))
	tok, err = silent.tokenizer(t, cfg)
	if got := cameFrom(t, tok, err); got != "C" {
		t.Errorf("from %s, want the cache", got)
	}

	t.Chdir(t.TempDir())
	put(t, "org/model/tokenizer.json", lettered("L"))
	tok, err = silent.tokenizer(t, SamplingClientConfig{BaseModel: "org/model"})
	if got := cameFrom(t, tok, err); got != "L" {
		t.Errorf("from %s, want the folder", got)
	}

	server := modelServer(t, "org/model", lettered("S"))
	tok, err = server.tokenizer(t, cfg)
	if got := cameFrom(t, tok, err); got != "S" {
		t.Errorf("from %s, want the server", got)
	}
}

func TestATokenizerOfYourChoice(t *testing.T) {
	folder := t.TempDir()
	put(t, filepath.Join(folder, "tokenizer.json"), lettered("L"))
	put(t, filepath.Join(folder, "tokenizer_config.json"), smallTokenizerConfig)
	put(t, filepath.Join(folder, "chat_template.jinja"), "in a file of its own")
	server := modelServer(t, "org/other", lettered("S"))
	for path, want := range map[string]string{folder: "L", filepath.Join(folder, "tokenizer.json"): "L", "org/other": "S"} {
		tok, err := server.tokenizer(t, SamplingClientConfig{BaseModel: "org/model", Tokenizer: path})
		if got := cameFrom(t, tok, err); got != want {
			t.Errorf("%s: from %s, want %s", path, got, want)
		}
	}
	tok, err := LoadTokenizer(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := tok.RenderChat([]Message{{Role: "user", Content: "hi"}}, true); err != nil || text != "in a file of its own" {
		t.Errorf("RenderChat: %q, %v", text, err)
	}
	if id, ok := tok.TokenID("<end>"); !ok || id != tok.EOS() || !tok.IsSpecial(id) || tok.IsSpecial(0) {
		t.Errorf("<end> is %d, %v", id, ok)
	}
}

func TestPinnedTokenizersAreTakenAtTheirRevision(t *testing.T) {
	fakeHub(t, map[string]string{
		"/moonshotai/Kimi-K2.5/resolve/4d01dfe0332d63057c186e0b262165819efb6611/tokenizer.json": lettered("P"),
		"/moonshotai/Kimi-K2.5/resolve/main/tokenizer.json":                                     lettered("M"),
	})
	tok, err := LoadTokenizer(t.Context(), "moonshotai/Kimi-K2.5-Text-Only")
	if got := cameFrom(t, tok, err); got != "P" {
		t.Errorf("revision %s", got)
	}
}

func TestATokenizerErrorSaysWhereItLooked(t *testing.T) {
	fakeHub(t, map[string]string{"/org/odd/resolve/main/tokenizer.json": `{"model":{"type":"Unigram"}}`})
	server := modelServer(t, "org/page", "<html>")
	for model, want := range map[string]string{
		"org/model":            "no such repository",
		"org/page":             "no tokenizer; ",
		"org/odd":              `model.type "Unigram" is not supported (supported: BPE)`,
		"TML/x":                "for Python alone",
		"thinkingmachines/x:y": "for Python alone",
	} {
		_, err := server.tokenizer(t, SamplingClientConfig{BaseModel: model})
		e, ok := errors.AsType[*TokenizerError](err)
		if !ok || e.Name != model || len(e.Tried) != 2 || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", model, err)
		}
	}
	for _, name := range []string{"./nowhere", "/nonexistent/tokenizer.json"} {
		_, err := server.tokenizer(t, SamplingClientConfig{BaseModel: "org/model", Tokenizer: name})
		if _, ok := errors.AsType[*TokenizerError](err); !ok || !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A server that fails is not one that has no tokenizer: another place might have
// another.
func TestAServerThatRefusesTheKeyIsNotPassedOver(t *testing.T) {
	fakeHub(t, map[string]string{"/org/model/resolve/main/tokenizer.json": lettered("H")})
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.set("/org/model/resolve/main/tokenizer.json", func(seenRequest) reply { return reply{status: 401} })
		_, err := f.sampling(t, SamplingClientConfig{}).Tokenizer(t.Context())
		if e, ok := errors.AsType[*APIError](err); !ok || e.Status != 401 {
			t.Error(err)
		}
	})
}

func TestLoadingEndsWithItsContext(t *testing.T) {
	fakeHub(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := LoadTokenizer(ctx, "org/model"); err != context.Canceled {
		t.Error(err)
	}
}
