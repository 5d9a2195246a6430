package tinker

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"tinsmith.example/internal/tokenizer"
	"tinsmith.example/internal/transport"
)

// A Tokenizer turns text into a model's token ids and back. It may be used by
// any number of goroutines.
type Tokenizer struct {
	t *tokenizer.Tokenizer
}

// A Message is one turn of a conversation.
type Message struct {
	Role    string // such as "system", "user" or "assistant"
	Content string
}

// Encode returns the token ids of text. Special tokens that are written out in
// it, such as "<|im_end|>", become the ids that they name.
func (t *Tokenizer) Encode(text string) []int32 { return t.t.Encode(text) }

// Decode returns the text of ids, special tokens written out. Bytes that are no
// UTF-8 become U+FFFD.
func (t *Tokenizer) Decode(ids []int32) string { return t.t.Decode(ids) }

// DecodeSkipSpecial is Decode without the special tokens.
func (t *Tokenizer) DecodeSkipSpecial(ids []int32) string { return t.t.DecodeSkipSpecial(ids) }

// NewDecoder returns a decoder for ids that come one by one.
func (t *Tokenizer) NewDecoder() *Decoder { return &Decoder{t.t.NewDecoder()} }

// HasChatTemplate reports whether the model has one.
func (t *Tokenizer) HasChatTemplate() bool { return t.t.HasChatTemplate() }

// RenderChat returns a conversation as the model's chat template writes it. With
// addGenerationPrompt it ends where the model is to go on. Encode turns it into
// a prompt.
func (t *Tokenizer) RenderChat(messages []Message, addGenerationPrompt bool) (string, error) {
	list := make([]tokenizer.Message, len(messages))
	for i, m := range messages {
		list[i] = tokenizer.Message(m)
	}
	return t.t.RenderChat(list, addGenerationPrompt)
}

// BOS returns the id that begins texts, or -1.
func (t *Tokenizer) BOS() int32 { return t.t.BOS() }

// EOS returns the id that ends texts, or -1.
func (t *Tokenizer) EOS() int32 { return t.t.EOS() }

// VocabSize returns the number of ids, which begin at 0.
func (t *Tokenizer) VocabSize() int { return t.t.VocabSize() }

// A Decoder turns ids into text as they come, and keeps back bytes that are not
// yet a whole character.
type Decoder struct {
	d *tokenizer.Decoder
}

// Write returns the text that id completes, which may be none.
func (d *Decoder) Write(id int32) string { return d.d.Write(id) }

// Flush returns what was kept back, as U+FFFD.
func (d *Decoder) Flush() string { return d.d.Flush() }

// A tokenizerCache holds a client's tokenizer once it has been loaded. The zero
// value is not ready: use newTokenizerCache.
type tokenizerCache struct {
	loading chan struct{} // has room for one: whoever fills it may use loaded
	loaded  *Tokenizer
}

func newTokenizerCache() tokenizerCache { return tokenizerCache{loading: make(chan struct{}, 1)} }

// Tokenizer returns the model's tokenizer, with its chat template, which the
// server offers in the layout of the Hugging Face Hub. It is loaded once; a
// failure is tried again by the next call.
func (c *SamplingClient) Tokenizer(ctx context.Context) (*Tokenizer, error) {
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
		if c.tokenizer.loaded, err = c.loadTokenizer(ctx); err != nil {
			return nil, publicError(err)
		}
	}
	return c.tokenizer.loaded, nil
}

// loadTokenizer looks under the name that the tokenizer usually has, and then
// under the model's own.
func (c *SamplingClient) loadTokenizer(ctx context.Context) (*Tokenizer, error) {
	name := tokenizerName(c.baseModel)
	definition, err := c.hubFile(ctx, name, "tokenizer.json")
	if own, _, _ := strings.Cut(c.baseModel, ":"); notFound(err) && own != name {
		name = own
		definition, err = c.hubFile(ctx, name, "tokenizer.json")
	}
	if err != nil {
		return nil, err
	}
	config, err := c.hubFile(ctx, name, "tokenizer_config.json")
	if err != nil && !notFound(err) {
		return nil, err
	}
	t, err := tokenizer.FromJSON(definition, config)
	if err != nil {
		return nil, &APIError{Op: tokenizerOp, Status: http.StatusOK, Err: err}
	}
	return &Tokenizer{t}, nil
}

const tokenizerOp = "SamplingClient.Tokenizer"

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

func notFound(err error) bool {
	e, ok := errors.AsType[*transport.Error](err)
	return ok && e.Status == http.StatusNotFound
}

// tokenizerName is the name under which a model's tokenizer is published.
func tokenizerName(model string) string {
	model, _, _ = strings.Cut(model, ":") // a variant, such as a context length
	if strings.HasPrefix(model, "meta-llama/Llama-3") {
		return "thinkingmachineslabinc/meta-llama-3-instruct-tokenizer"
	}
	if parts := strings.Split(model, "/"); len(parts) == 3 {
		return parts[0] + "/" + parts[1]
	}
	return model
}
