package tinker

import "tinsmith.example/internal/tokenizer"

// A Tokenizer turns text into a model's token ids and back, exactly as the
// Python library does; one that it cannot reproduce exactly is refused when it is
// loaded. It comes from [SamplingClient.Tokenizer] or [LoadTokenizer], and may be
// used by any number of goroutines.
type Tokenizer struct {
	t *tokenizer.Tokenizer
}

// A Message is one turn of a conversation.
type Message struct {
	Role    string // such as "system", "user" or "assistant"
	Content string // the text
}

// Encode returns the token ids of text. Special tokens that are written out in
// it, such as "<|im_end|>", become the ids that they name. Nothing is added at
// either end: where a model wants its texts to begin with a token, as Python's
// encode makes them, put BOS first.
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
// a prompt. It fails if the model has no template, or one that refuses the
// conversation.
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

// VocabSize returns the number of ids, which begin at 0. Some of them may have
// no token.
func (t *Tokenizer) VocabSize() int { return t.t.VocabSize() }

// TokenID returns the id of the token that is text as a whole, such as
// "<|im_end|>", and whether there is one. Ordinary tokens are named as in the
// model's files, where "Ġthe" is " the".
func (t *Tokenizer) TokenID(text string) (id int32, ok bool) { return t.t.TokenID(text) }

// IsSpecial reports whether id is a control token: one that structures text and
// is no part of it.
func (t *Tokenizer) IsSpecial(id int32) bool { return t.t.IsSpecial(id) }

// A Decoder turns ids into text as they come, and keeps back bytes that are not
// yet a whole character. It is for one goroutine.
type Decoder struct {
	d *tokenizer.Decoder
}

// Write returns the text that id completes, which may be none.
func (d *Decoder) Write(id int32) string { return d.d.Write(id) }

// Flush returns what was kept back, as U+FFFD, and begins anew.
func (d *Decoder) Flush() string { return d.d.Flush() }
