package tokenizer

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

func TestDefaultModel(t *testing.T) {
	tok := smol(t)
	if tok.VocabSize() != 49152 || tok.BOS() != 1 || tok.EOS() != 2 {
		t.Errorf("size %d, bos %d, eos %d; want 49152, 1, 2", tok.VocabSize(), tok.BOS(), tok.EOS())
	}
	if id, ok := tok.TokenID("<|im_end|>"); id != 2 || !ok {
		t.Errorf("<|im_end|> is %d, %v; want 2", id, ok)
	}
	if !tok.IsSpecial(2) || tok.IsSpecial(100) || tok.IsSpecial(-1) || tok.IsSpecial(1<<30) {
		t.Error("IsSpecial is wrong about 2, 100, -1 or 2^30")
	}
	id, ok := tok.TokenID("Ġthe")
	if !ok || string(tok.TokenBytes(id)) != " the" {
		t.Errorf("Ġthe stands for %q, want %q", tok.TokenBytes(id), " the")
	}
	if !tok.HasChatTemplate() {
		t.Error("no chat template")
	}
}

func TestBadSpecsAreRefused(t *testing.T) {
	good := func() Spec {
		return Spec{
			Model: "gpt2", Pre: "smollm", Tokens: []string{"a", "b", "ab", "<end>"}, Types: []int32{1, 1, 1, 3},
			Merges: []string{"a b"}, BOS: -1, EOS: 3, Unknown: -1, Padding: -1,
		}
	}
	if _, err := New(good()); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name        string
		change      func(*Spec)
		unsupported bool
		want        string
	}{
		{"model", func(s *Spec) { s.Model = "llama" }, true, `tokenizer.ggml.model "llama"`},
		{"pre", func(s *Spec) { s.Pre = "tekken" }, true, `tokenizer.ggml.pre "tekken" is not supported (supported: gpt-2, llama-bpe, qwen2, smollm)`},
		{"no tokens", func(s *Spec) { s.Tokens, s.Types = nil, nil }, false, "there are 0"},
		{"types", func(s *Spec) { s.Types = s.Types[:2] }, false, "2 types for 4 tokens"},
		{"type", func(s *Spec) { s.Types[1] = 7 }, false, "token 1 has type 7"},
		{"same token twice", func(s *Spec) { s.Tokens[1] = "a" }, false, `"a" is token 0 and token 1`},
		{"merge without space", func(s *Spec) { s.Merges[0] = "ab" }, false, "has no space"},
		{"merge of nothing", func(s *Spec) { s.Merges[0] = " b" }, false, "merge 0"},
		{"merge of a missing token", func(s *Spec) { s.Merges[0] = "a c" }, false, `needs the token "c"`},
		{"merge to a missing token", func(s *Spec) { s.Merges[0] = "b a" }, false, `needs the token "ba"`},
		{"bos", func(s *Spec) { s.BOS = -2 }, false, "bos token: id -2 is not in -1 to 3"},
		{"eos", func(s *Spec) { s.EOS = 4 }, false, "eos token: id 4 is not in -1 to 3"},
	} {
		s := good()
		tt.change(&s)
		_, err := New(s)
		var unsupported *UnsupportedError
		var format *FormatError
		if err == nil || !strings.Contains(err.Error(), tt.want) ||
			errors.As(err, &unsupported) != tt.unsupported || errors.As(err, &format) == tt.unsupported {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestLongRunsAreMergedLikeShortOnes(t *testing.T) {
	// The same pieces through the scan and through the heap.
	m := smol(t).merger
	for _, unit := range []string{"a", "ab", "the", "=", "-*", "é", "日本", "xyzzy", "  ", "ing"} {
		for _, n := range []int{1, 7, scanLimit, scanLimit + 1, 300} {
			piece := strings.Repeat(unit, n)
			var w workspace
			for i := range len(piece) {
				if id := m.byteID[piece[i]]; id >= 0 {
					w.ids = append(w.ids, id)
				}
			}
			start := slices.Clone(w.ids)
			long := w.mergeLong(nil, m)
			w.ids = start
			if short := w.mergeShort(nil, m); !slices.Equal(short, long) {
				t.Errorf("%q %d times: %v by the scan, %v by the heap", unit, n, short, long)
			}
		}
	}
}

func TestManyGoroutinesShareATokenizer(t *testing.T) {
	tok := smol(t)
	all := readReference(t)[:2000]
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range all {
				r := all[(i*(2*g+1))%len(all)]
				if ids := tok.Encode(r.text); !slices.Equal(ids, r.ids) {
					t.Errorf("%.40q: %v, want %v", r.text, ids, r.ids)
				}
				if text := tok.Decode(r.ids); text != r.decoded {
					t.Errorf("%.40q, want %.40q", text, r.decoded)
				}
			}
			if _, err := tok.RenderChat([]Message{{"user", "x"}}, true); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// FuzzEncode checks that text survives: a tokenizer with a token for every byte
// loses nothing, the default model only the bytes that it has no token for.
func FuzzEncode(f *testing.F) {
	whole := byteTokens(f)
	for _, s := range []string{"", "Hello, world's 123 ", "  \n\t x", "<|im_start|>é🙂", "\xff\xe2\x82", "'ſ'S 'll", "a\u0301\u1ac1", strings.Repeat("ab", 500)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := whole.Decode(whole.Encode(s)); got != s && utf8.ValidString(s) {
			t.Errorf("%q came back as %q", s, got)
		}
		tok := smol(t)
		ids := tok.Encode(s)
		var raw, want []byte
		for _, id := range ids {
			raw = append(raw, tok.TokenBytes(id)...)
		}
		for i := range len(s) {
			if tok.merger.byteID[s[i]] >= 0 {
				want = append(want, s[i])
			}
		}
		if string(raw) != string(want) {
			t.Errorf("%q: tokens stand for %q, want %q", s, raw, want)
		}
		checkDecoder(t, tok, ids)
	})
}
