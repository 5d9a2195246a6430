package tinker

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tinsmith.example/internal/wire"
)

// A tokenizer of seven tokens: bytes are written as letters, as in every
// byte-level vocabulary; "Ã" and "©" are the two bytes of "é".
const (
	smallTokenizer = `{
		"added_tokens": [{"id": 6, "content": "<end>", "special": true}],
		"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
		"decoder": {"type": "ByteLevel"},
		"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "Ã": 3, "©": 4, ":": 5}, "merges": ["a b"]}
	}`
	smallTokenizerConfig = `{"eos_token": "<end>", "chat_template":
		"{% for m in messages %}{{ m.role }}:{{ m.content }}<end>{% endfor %}{% if add_generation_prompt %}a:{% endif %}"}`
)

func TestTokenizer(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.on("/org/model/resolve/main/tokenizer.json", smallTokenizer)
		f.on("/org/model/resolve/main/tokenizer_config.json", smallTokenizerConfig)
		client := f.sampling(t, SamplingClientConfig{BaseModel: "org/model:peft:1024"})
		var all [8]*Tokenizer
		var wg sync.WaitGroup
		for i := range all {
			wg.Go(func() {
				var err error
				if all[i], err = client.Tokenizer(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := len(f.to("/org/model/resolve/main/tokenizer.json")); n != 1 {
			t.Errorf("loaded %d times", n)
		}
		tok := all[0]
		ids := []int32{2, 3, 4, 6}
		if got := tok.Encode("abé<end>"); !slices.Equal(got, ids) {
			t.Errorf("Encode: %v", got)
		}
		if got := tok.Decode(ids); got != "abé<end>" {
			t.Errorf("Decode: %q", got)
		}
		if got := tok.DecodeSkipSpecial(ids); got != "abé" {
			t.Errorf("DecodeSkipSpecial: %q", got)
		}
		d := tok.NewDecoder()
		var parts []string
		for _, id := range ids[:3] {
			parts = append(parts, d.Write(id))
		}
		if parts = append(parts, d.Flush()); !slices.Equal(parts, []string{"ab", "", "é", ""}) {
			t.Errorf("Decoder: %q", parts)
		}
		if tok.EOS() != 6 || tok.VocabSize() != 7 || !tok.HasChatTemplate() {
			t.Errorf("EOS %d, VocabSize %d, HasChatTemplate %v", tok.EOS(), tok.VocabSize(), tok.HasChatTemplate())
		}
		text, err := tok.RenderChat([]Message{{Role: "b", Content: "é"}}, true)
		if err != nil || text != "b:é<end>a:" {
			t.Errorf("RenderChat: %q, %v", text, err)
		}
	})
}

func TestATokenizerMayHaveNoConfig(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.on("/org/model/resolve/main/tokenizer.json", smallTokenizer)
		tok, err := f.sampling(t, SamplingClientConfig{}).Tokenizer(t.Context())
		if err != nil || tok.HasChatTemplate() {
			t.Errorf("%v", err)
		}
	})
}

func TestATokenizerThatIsMissingOrBrokenIsAnErrorAndTriedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		client := f.sampling(t, SamplingClientConfig{})
		_, err := client.Tokenizer(t.Context())
		if e, ok := errors.AsType[*APIError](err); !ok || e.Status != 404 {
			t.Errorf("missing: %v", err)
		}
		for _, refused := range []string{`{"model":{"type":"Unheard"}}`, `<html>`} {
			f.on("/org/model/resolve/main/tokenizer.json", refused)
			_, err = client.Tokenizer(t.Context())
			if e, ok := errors.AsType[*APIError](err); !ok || e.Status != 200 || !isAnswer(err) {
				t.Errorf("%s: %v", refused, err)
			}
		}
		f.on("/org/model/resolve/main/tokenizer.json", smallTokenizer)
		if _, err = client.Tokenizer(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A server that knows a model by its own name need not know the vendor's name
// for its tokenizer.
func TestTheModelsOwnNameIsTheLastResort(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.on("/meta-llama/Llama-3.2-1B/resolve/main/tokenizer.json", smallTokenizer)
		if _, err := f.sampling(t, SamplingClientConfig{BaseModel: "meta-llama/Llama-3.2-1B"}).Tokenizer(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestTokenizerNames(t *testing.T) {
	for model, want := range map[string]string{
		"Qwen/Qwen3-8B":                       "Qwen/Qwen3-8B",
		"Qwen/Qwen3-8B:peft:262144":           "Qwen/Qwen3-8B",
		"meta-llama/Llama-3.1-70B":            "thinkingmachineslabinc/meta-llama-3-instruct-tokenizer",
		"meta-llama/Llama-2-7b":               "meta-llama/Llama-2-7b",
		"org/model/variant":                   "org/model",
		"a/b/c/d":                             "a/b/c/d",
		"gpt2":                                "gpt2",
		"meta-llama/Llama-3.2-1B/variant:x:y": "thinkingmachineslabinc/meta-llama-3-instruct-tokenizer",
	} {
		if got := tokenizerOf(model).name; got != want {
			t.Errorf("%s: got %s, want %s", model, got, want)
		}
	}
}

// What is read while a tokenizer loads can be given up.
func TestClosingEndsTheLoadingOfATokenizer(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.set("/org/model/resolve/main/tokenizer.json", func(seenRequest) reply { return reply{hold: time.Hour} })
		svc := f.service(t)
		client, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "org/model"})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			_, err := client.Tokenizer(t.Context())
			ended <- err
		}()
		synctest.Wait()
		if err := svc.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != ErrClosed {
			t.Error(err)
		}
		if n := len(f.to(wire.FinishSessionPath("S"))); n != 1 {
			t.Errorf("finished %d times", n)
		}
	})
}

func isAnswer(err error) bool {
	e, ok := errors.AsType[*AnswerError](err)
	return ok && e.Reason != ""
}
