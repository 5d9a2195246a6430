package server

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// The models' tokenizers, in the layout of the Hugging Face Hub: with
// HF_ENDPOINT set to the server's URL, its libraries load them from here, and
// so does the official client's get_tokenizer. No key is asked for: there is
// nothing in them that is not public.
//
//	/{repo}/resolve/{revision}/{file}         a file
//	/api/models/{repo}[/revision/{revision}]  what the repository has
//	/api/models/{repo}/tree/{revision}        its files
//
// {repo} is org/name, where any prefix may come first. A repository has one
// revision, main, whose commit is a hash of the files.

// A hubRepo is the files that a model offers. They are made on first use.
type hubRepo struct {
	once   sync.Once
	files  map[string][]byte // by name
	commit string            // 40 hexadecimal digits
	err    error
}

// The Hub's codes for what is not there, by which its libraries tell a file
// that is merely missing from a mistake.
const (
	noRepo     = "RepoNotFound"
	noRevision = "RevisionNotFound"
	noFile     = "EntryNotFound"
)

// serveHub answers a request that is not the API's.
func (s *Server) serveHub(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		s.fail(w, r, refuse(http.StatusMethodNotAllowed, "%s is not a method of %s", r.Method, r.URL.Path))
		return
	}
	if _, rest, ok := strings.Cut(r.URL.Path, "/api/models/"); ok {
		s.serveHubInfo(w, r, rest)
		return
	}
	if repo, rest, ok := strings.Cut(r.URL.Path, "/resolve/"); ok {
		s.serveHubFile(w, r, repo, rest)
		return
	}
	s.fail(w, r, refuse(http.StatusNotFound, "nothing at %s; the API is at %s", r.URL.Path, endpointRoot))
}

// serveHubFile answers /{repo}/resolve/{revision}/{file}.
func (s *Server) serveHubFile(w http.ResponseWriter, r *http.Request, repo, rest string) {
	revision, name, _ := strings.Cut(rest, "/")
	h := s.openRepo(w, r, repo, revision)
	if h == nil {
		return
	}
	content, ok := h.files[name]
	if !ok {
		s.notOnHub(w, r, noFile, fmt.Sprintf("%s has no file %q", strings.Trim(repo, "/"), name))
		return
	}
	header := w.Header()
	header.Set("ETag", `"`+hexHash(content)+`"`)
	header.Set("Content-Type", contentType(name))
	header.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
}

// serveHubInfo answers what follows /api/models/.
func (s *Server) serveHubInfo(w http.ResponseWriter, r *http.Request, rest string) {
	repo, revision, tree := rest, "main", false
	for _, word := range []string{"/revision/", "/tree/"} {
		if before, after, ok := strings.Cut(rest, word); ok {
			repo, revision, tree = before, after, word == "/tree/"
			break
		}
	}
	revision, folder, _ := strings.Cut(revision, "/")
	h := s.openRepo(w, r, repo, revision)
	if h == nil {
		return
	}
	switch {
	case !tree:
		writeJSON(w, http.StatusOK, h.info(repo))
	case folder == "":
		writeJSON(w, http.StatusOK, h.tree())
	default:
		s.notOnHub(w, r, noFile, fmt.Sprintf("%s has no folder %q", repo, folder))
	}
}

// openRepo returns the files of a repository that is there, or answers that it
// is not and returns nil.
func (s *Server) openRepo(w http.ResponseWriter, r *http.Request, repo, revision string) *hubRepo {
	m := s.modelOfRepo(repo)
	if m == nil {
		s.notOnHub(w, r, noRepo, fmt.Sprintf("no tokenizer for %q here; this server serves %s", strings.Trim(repo, "/"), s.served()))
		return nil
	}
	h := &m.hub
	h.once.Do(func() { h.load(m) })
	if h.err != nil {
		s.fail(w, r, fmt.Errorf("the tokenizer of %s: %w", m.Name, h.err))
		return nil
	}
	if revision != "main" && revision != h.commit {
		s.notOnHub(w, r, noRevision, fmt.Sprintf("%s has no revision %q, only main", m.Name, revision))
		return nil
	}
	w.Header().Set("X-Repo-Commit", h.commit)
	return h
}

// modelOfRepo returns the model whose tokenizer a repository has; nil if none.
func (s *Server) modelOfRepo(repo string) *model {
	for _, m := range s.models {
		if name := tokenizerRepo(m.Name); m.Backend.Tokenizer() != nil && (isRepo(repo, name) || isRepo(repo, m.Name)) {
			return m
		}
	}
	return nil
}

// isRepo reports whether path is that of the repository name, below any prefix.
func isRepo(path, name string) bool {
	path = "/" + strings.TrimPrefix(path, "/")
	name = "/" + name
	return len(path) >= len(name) && strings.EqualFold(path[len(path)-len(name):], name)
}

// tokenizerRepo is the repository that the official client takes a model's
// tokenizer from.
func tokenizerRepo(name string) string {
	if strings.HasPrefix(name, "meta-llama/Llama-3") {
		return "thinkingmachineslabinc/meta-llama-3-instruct-tokenizer"
	}
	if strings.Count(name, "/") == 2 {
		return path.Dir(name)
	}
	return name
}

// notOnHub answers 404 with the Hub's code for why.
func (s *Server) notOnHub(w http.ResponseWriter, r *http.Request, code, detail string) {
	w.Header().Set("X-Error-Code", code)
	w.Header().Set("X-Error-Message", detail)
	s.fail(w, r, refuse(http.StatusNotFound, "%s", detail))
}

// load makes the files.
func (h *hubRepo) load(m *model) {
	files, err := m.Backend.Tokenizer().HubFiles()
	if err != nil {
		h.err = err
		return
	}
	h.files = maps.Clone(files)
	if _, ok := h.files["config.json"]; !ok {
		// Libraries choose the tokenizer's class by the model's type.
		h.files["config.json"] = fmt.Appendf(nil, "{\n  \"model_type\": %q,\n  \"vocab_size\": %d,\n  \"max_position_embeddings\": %d\n}\n",
			cmp.Or(m.info.Architecture, "llama"), m.info.VocabSize, m.info.ContextLength)
	}
	all := sha256.New()
	for _, name := range h.names() {
		fmt.Fprintf(all, "%s %d\n", name, len(h.files[name]))
		all.Write(h.files[name])
	}
	h.commit = hex.EncodeToString(all.Sum(nil))[:40]
}

func (h *hubRepo) names() []string { return slices.Sorted(maps.Keys(h.files)) }

// hubInfo and hubEntry have those members of the Hub's answers that its
// libraries need.
type hubInfo struct {
	ID       string       `json:"id"`
	ModelID  string       `json:"modelId"`
	SHA      string       `json:"sha"`
	Private  bool         `json:"private"`
	Gated    bool         `json:"gated"`
	Disabled bool         `json:"disabled"`
	Tags     []string     `json:"tags"`
	Siblings []hubSibling `json:"siblings"`
}

type hubSibling struct {
	Name string `json:"rfilename"`
}

type hubEntry struct {
	Type string `json:"type"`
	OID  string `json:"oid"`
	Size int    `json:"size"`
	Path string `json:"path"`
}

func (h *hubRepo) info(repo string) hubInfo {
	out := hubInfo{ID: repo, ModelID: repo, SHA: h.commit, Tags: []string{}, Siblings: []hubSibling{}}
	for _, name := range h.names() {
		out.Siblings = append(out.Siblings, hubSibling{name})
	}
	return out
}

func (h *hubRepo) tree() []hubEntry {
	out := []hubEntry{}
	for _, name := range h.names() {
		out = append(out, hubEntry{"file", hexHash(h.files[name]), len(h.files[name]), name})
	}
	return out
}

// hexHash has the length of the Hub's names for small files.
func hexHash(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:20])
}

func contentType(name string) string {
	if strings.HasSuffix(name, ".json") {
		return "application/json"
	}
	return "text/plain; charset=utf-8"
}
