package tokenizer

import (
	"cmp"
	"errors"
	"fmt"
	"sync"

	"github.com/ardanlabs/jinja"
)

// A Message is one turn of a conversation.
type Message struct {
	Role    string // such as "system", "user" or "assistant"
	Content string
}

// ErrNoChatTemplate is what RenderChat returns for a model that has none: it
// was not trained on conversations.
var ErrNoChatTemplate = errors.New("tokenizer: the model has no chat template")

// ErrNoMessages is what RenderChat returns for an empty conversation.
var ErrNoMessages = errors.New("tokenizer: a conversation needs at least one message")

// HasChatTemplate reports whether the model's files have a chat template.
func (t *Tokenizer) HasChatTemplate() bool { return t.chat.source != "" }

// RenderChat returns the prompt that the model's chat template makes of a
// conversation; with addGenerationPrompt it ends where the model's answer is to
// begin. The text has its special tokens written out, and [Tokenizer.Encode]
// turns it into ids.
//
// Templates come with downloaded files and are programs: what one may do is
// bounded in time, in memory and in depth. It fails with [ErrNoChatTemplate] if
// there is none, with [ErrNoMessages] for an empty conversation, and with a
// [*TemplateError] if the template is broken, uses something that is not
// supported, exceeds a bound or refuses the conversation.
func (t *Tokenizer) RenderChat(messages []Message, addGenerationPrompt bool) (string, error) {
	if !t.HasChatTemplate() {
		return "", ErrNoChatTemplate
	}
	if len(messages) == 0 {
		return "", ErrNoMessages
	}
	t.chat.once.Do(t.chat.compile)
	if t.chat.err != nil {
		return "", &TemplateError{t.chat.err}
	}
	size := 0
	list := make([]jinja.Value, len(messages))
	for i, m := range messages {
		d := jinja.NewDict()
		d.AsDict().Set("role", jinja.NewString(m.Role))
		d.AsDict().Set("content", jinja.NewString(m.Content))
		list[i] = d
		size += len(m.Role) + len(m.Content)
	}
	data := map[string]jinja.Value{
		"messages":              jinja.NewList(list),
		"add_generation_prompt": jinja.NewBool(addGenerationPrompt),
		"tools":                 jinja.None(),
		"documents":             jinja.None(),
	}
	for name, id := range map[string]int32{
		"bos_token": t.roles.bos, "eos_token": t.roles.eos,
		"unk_token": t.roles.unknown, "pad_token": t.roles.padding,
	} {
		if id >= 0 {
			data[name] = jinja.NewString(t.tokens[id])
		}
	}
	text, err := t.chat.render(data, size)
	if err != nil {
		return "", &TemplateError{err}
	}
	return text, nil
}

// A TemplateError says why a chat template made no prompt.
type TemplateError struct{ Err error }

func (e *TemplateError) Error() string { return "tokenizer: chat template: " + e.Err.Error() }

func (e *TemplateError) Unwrap() error { return e.Err }

// A chatTemplate is compiled when it is first used, since most programs never
// do, and a broken one is no reason to refuse the tokenizer.
type chatTemplate struct {
	source string
	once   sync.Once
	// From here on written by compile.
	texts    []string // the text between tags
	template *jinja.Template
	err      error
}

// maxTemplate bounds a template's source; the longest in use have 20 KB.
const maxTemplate = 128 << 10

func (c *chatTemplate) compile() {
	defer func() {
		if r := recover(); r != nil {
			c.err = fmt.Errorf("compiling it failed: %v", r)
		}
	}()
	if len(c.source) > maxTemplate {
		c.err = fmt.Errorf("it has %d bytes, more than %d", len(c.source), maxTemplate)
		return
	}
	segments, err := scanTemplate(c.source)
	if err != nil {
		c.err = err
		return
	}
	var guarded string
	if guarded, c.texts, c.err = guardTemplate(segments); c.err == nil {
		c.template, c.err = jinja.Compile(guarded)
	}
}

// render runs the template. size is that of the conversation, in bytes.
func (c *chatTemplate) render(data map[string]jinja.Value, size int) (text string, err error) {
	defer func() {
		// The library panics on some operations, such as a negative repetition.
		if r := recover(); r != nil {
			err = fmt.Errorf("running it failed: %v", r)
		}
	}()
	l := newLimits(c.texts, size)
	l.define(data)
	text, err = c.template.RenderValues(data)
	return text, cmp.Or(l.failed, err)
}
