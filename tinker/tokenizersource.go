package tinker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"tinsmith.example/internal/hub"
	"tinsmith.example/internal/tokenizer"
	"tinsmith.example/internal/transport"
)

// A TokenizerError says why a tokenizer could not be had.
type TokenizerError struct {
	Name  string  // what was looked for, such as "Qwen/Qwen3-8B"
	Tried []error // what each place had to say; errors.As finds them
}

func (e *TokenizerError) Error() string {
	texts := make([]string, len(e.Tried))
	for i, err := range e.Tried {
		texts[i] = err.Error()
	}
	return fmt.Sprintf("tinker: the tokenizer of %s: %s", e.Name, strings.Join(texts, "; "))
}

// Unwrap returns Tried.
func (e *TokenizerError) Unwrap() []error { return e.Tried }

// LoadTokenizer returns a tokenizer without a server. name is a folder that has
// a tokenizer.json, or that file; else a model, whose tokenizer is looked for in
// the cache of the Hugging Face Hub's own tools and then at the Hub, from where
// it joins that cache. HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN and
// HF_HUB_OFFLINE mean what they mean there.
//
// The error is a *[TokenizerError], or the cause if ctx ended.
func LoadTokenizer(ctx context.Context, name string) (*Tokenizer, error) {
	t, err := loadElsewhere(ctx, name, tokenizerOf(name))
	if err != nil && ctx.Err() == nil {
		return nil, &TokenizerError{Name: name, Tried: []error{err}}
	}
	return t, err
}

// A tokenizerCache holds a client's tokenizer once it has been loaded. The zero
// value is not ready: use newTokenizerCache.
type tokenizerCache struct {
	name      string        // what the user calls it; "": as the model is called
	published string        // under which name it is, as the server says; "": the model's name tells
	loading   chan struct{} // has room for one: whoever fills it may use loaded
	loaded    *Tokenizer
}

func newTokenizerCache(name string) tokenizerCache {
	return tokenizerCache{name: name, loading: make(chan struct{}, 1)}
}

const tokenizerOp = "SamplingClient.Tokenizer"

// Tokenizer returns the model's tokenizer, with its chat template: the server's,
// if it offers one in the layout of the Hugging Face Hub, as tinsmith serve does;
// else what [LoadTokenizer] finds under the name by which the model's tokenizer
// is published, or under [SamplingClientConfig].Tokenizer. It is loaded once; a
// failure is tried again by the next call.
//
// Errors are a *[TokenizerError], which wraps the server's *[APIError], with an
// *[AnswerError] in it where what the server has is refused; an *APIError if ctx
// ended; or ErrClosed.
func (c *SamplingClient) Tokenizer(ctx context.Context) (*Tokenizer, error) {
	if err := c.made(); err != nil {
		return nil, err
	}
	ctx, leave, err := c.session.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	select {
	case c.tokenizer.loading <- struct{}{}:
		defer func() { <-c.tokenizer.loading }()
	case <-ctx.Done():
		return nil, endedError(ctx, tokenizerOp)
	}
	if c.tokenizer.loaded == nil {
		c.tokenizer.loaded, err = watched(ctx, c.session.observers, tokenizerOp, c.baseModel, c.loadTokenizer)
	}
	return c.tokenizer.loaded, err
}

func (c *SamplingClient) loadTokenizer(ctx context.Context) (*Tokenizer, error) {
	named, id := c.baseModel, tokenizerOf(c.baseModel)
	if c.tokenizer.published != "" {
		id = namedTokenizer(c.tokenizer.published)
	}
	names := []string{id.name}
	if own := withoutVariant(c.baseModel); own != id.name {
		names = append(names, own) // a server that has the model need not know that name
	}
	if c.tokenizer.name != "" {
		named, id = c.tokenizer.name, namedTokenizer(c.tokenizer.name)
		names = []string{id.name}
	}
	var tried []error
	if !isPath(named) {
		t, err := c.offered(ctx, names)
		if err == nil {
			return t, nil
		}
		tried = append(tried, err)
	}
	if len(tried) == 0 || notOffered(tried[0]) {
		t, err := loadElsewhere(ctx, named, id)
		if err == nil {
			return t, nil
		}
		tried = append(tried, err)
	}
	if ctx.Err() != nil {
		return nil, endedError(ctx, tokenizerOp)
	}
	return nil, &TokenizerError{Name: named, Tried: tried}
}

// offered returns the tokenizer that the server has under the first of the names
// that it knows.
func (c *SamplingClient) offered(ctx context.Context, names []string) (*Tokenizer, error) {
	var first error
	for _, name := range names {
		t, err := c.offeredAs(ctx, name)
		if err == nil {
			return t, nil
		}
		if first == nil {
			first = err
		}
		if !notOffered(err) {
			return nil, err
		}
	}
	return nil, first
}

func (c *SamplingClient) offeredAs(ctx context.Context, name string) (*Tokenizer, error) {
	files := map[string][]byte{}
	for _, file := range tokenizerFiles {
		content, err := c.hubFile(ctx, name, file)
		switch {
		case err == nil:
			files[file] = content
		case file == tokenizer.FileTokenizer || !notOffered(err):
			return nil, publicError(err)
		}
	}
	if !bytes.HasPrefix(bytes.TrimSpace(files[tokenizer.FileTokenizer]), []byte("{")) {
		return nil, refusedAnswer(tokenizerOp, "", errNoTokenizer)
	}
	t, err := tokenizer.FromHubFiles(files)
	if err != nil {
		return nil, refusedAnswer(tokenizerOp, "", err)
	}
	return &Tokenizer{t}, nil
}

// tokenizerFiles are what a tokenizer is made of. The first must be there.
var tokenizerFiles = []string{tokenizer.FileTokenizer, tokenizer.FileConfig, tokenizer.FileChatTemplate}

var (
	// errNoTokenizer is about servers that answer any path with a page.
	errNoTokenizer = errors.New("what the server answered is no tokenizer")
	errVendorsOwn  = fmt.Errorf("the vendor publishes it for Python alone: %w", errors.ErrUnsupported)
)

// notOffered reports whether err is how a server says that it has no such file:
// any complaint but about the key.
func notOffered(err error) bool {
	status := 0
	if e, ok := errors.AsType[*transport.Error](err); ok {
		status = e.Status
	} else if e, ok := errors.AsType[*APIError](err); ok {
		status = e.Status
	}
	return errors.Is(err, errNoTokenizer) || status >= 300 && status < 500 && status != http.StatusUnauthorized
}

func (c *SamplingClient) hubFile(ctx context.Context, model, file string) ([]byte, error) {
	segments := strings.Split(model, "/")
	for i := range segments {
		segments[i] = url.PathEscape(segments[i])
	}
	var content []byte
	err := c.session.client.Do(ctx, transport.Call{
		Op: tokenizerOp, Method: http.MethodGet, Path: "/" + strings.Join(segments, "/") + "/resolve/main/" + file,
		Answer: &content, Policy: transport.Briefly,
	})
	return content, err
}

// isPath reports whether name can only be that of a file or folder.
func isPath(name string) bool {
	return filepath.IsAbs(name) || name == "." || name == ".." || name == "~" ||
		strings.HasPrefix(name, "./") || strings.HasPrefix(name, "../") || strings.HasPrefix(name, "~/")
}

// loadElsewhere returns the tokenizer of a folder on this machine, of the Hub's
// cache, or of the Hub.
func loadElsewhere(ctx context.Context, name string, id tokenizerID) (*Tokenizer, error) {
	files, err := localFiles(name)
	if files == nil && err == nil {
		if id.ofVendor() {
			return nil, errVendorsOwn
		}
		config := hub.FromEnv()
		files, err = config.Get(ctx, hub.Want{
			Repo: id.name, Revision: id.revision, File: tokenizerFiles[0], Beside: tokenizerFiles[1:],
		})
	}
	if err != nil {
		return nil, err
	}
	t, err := tokenizer.FromHubFiles(files)
	if err != nil {
		return nil, err
	}
	return &Tokenizer{t}, nil
}

// localFiles reads the files of a folder. It returns none, and no error, if name
// is that of a model and there is no such folder.
func localFiles(name string) (map[string][]byte, error) {
	folder := hub.ExpandHome(name)
	if filepath.Base(folder) == tokenizer.FileTokenizer {
		folder = filepath.Dir(folder)
	}
	files := map[string][]byte{}
	for _, file := range tokenizerFiles {
		content, err := os.ReadFile(filepath.Join(folder, file))
		switch {
		case err == nil:
			files[file] = content
		case file == tokenizer.FileTokenizer && !isPath(name):
			return nil, nil
		case file == tokenizer.FileTokenizer || !errors.Is(err, os.ErrNotExist):
			return nil, err
		}
	}
	return files, nil
}
