package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// smallJSON is a tokenizer.json of four tokens. Parts of it are replaced: the
// pairs are old and new.
func smallJSON(replace ...string) []byte {
	return []byte(strings.NewReplacer(replace...).Replace(`{
		"added_tokens": [{"id": 3, "content": "<end>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
		"normalizer": null,
		"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
		"post_processor": null,
		"decoder": {"type": "ByteLevel"},
		"model": {"type": "BPE", "dropout": null, "unk_token": null, "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}
	}`))
}

func TestSmallJSON(t *testing.T) {
	for _, b := range [][]byte{
		smallJSON(),
		smallJSON(`["a b"]`, `[["a", "b"]]`),
		smallJSON(`, "use_regex": true`, ``),
		smallJSON(`"id": 3`, `"id": 700`), // with ids that have no token
	} {
		tok, err := FromJSON(b, []byte(`{"eos_token": {"content": "<end>"}, "bos_token": null, "chat_template": [{"name": "default", "template": "x"}]}`))
		if err != nil {
			t.Errorf("%s: %v", b, err)
			continue
		}
		end, _ := tok.TokenID("<end>")
		if got, want := tok.Encode("abxba<end>"), []int32{2, 1, 0, end}; !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", b, got, want)
		}
		if tok.EOS() != end || tok.BOS() != -1 || !tok.IsSpecial(end) || !tok.HasChatTemplate() {
			t.Errorf("eos %d, bos %d, special %v; want %d, -1, true", tok.EOS(), tok.BOS(), tok.IsSpecial(end), end)
		}
	}
}

func TestBadJSONIsRefused(t *testing.T) {
	deep := strings.Repeat("[", 100_000)
	for _, tt := range []struct {
		name        string
		json        []byte
		config      string
		unsupported bool
		want        string
	}{
		{"nothing", nil, "", false, "tokenizer.json"},
		{"deep nesting", []byte(`{"model": ` + deep), "", false, "depth"},
		{"model", smallJSON(`"BPE"`, `"Unigram"`), "", true, `model.type "Unigram"`},
		{"dropout", smallJSON(`"dropout": null`, `"dropout": 0.1`), "", true, "model.dropout"},
		{"unknown token", smallJSON(`"unk_token": null`, `"unk_token": "a"`), "", true, "model.unk_token"},
		{"byte fallback", smallJSON(`"dropout": null`, `"byte_fallback": true`), "", true, "model.byte_fallback"},
		{"word suffix", smallJSON(`"dropout": null`, `"end_of_word_suffix": "</w>"`), "", true, "model.end_of_word_suffix"},
		{"normalizer", smallJSON(`"normalizer": null`, `"normalizer": {"type": "Lowercase"}`), "", true, `normalizer "Lowercase"`},
		{"pre-tokenizer", smallJSON(`"add_prefix_space": false`, `"add_prefix_space": true`), "", true, "pre_tokenizer"},
		{"no pre-tokenizer", smallJSON(`"pre_tokenizer"`, `"x"`), "", false, "pre_tokenizer"},
		{"decoder", smallJSON(`"decoder": {"type": "ByteLevel"}`, `"decoder": null`), "", true, "decoder"},
		{"stripping", smallJSON(`"lstrip": false`, `"lstrip": true`), "", true, "lstrip of <end>"},
		{"token twice", smallJSON(`"b": 1`, `"a": 1`), "", false, `"a" is token 0 and token 1`},
		{"id twice", smallJSON(`"b": 1`, `"b": 0`), "", false, `"a" and "b" have the same id 0`},
		{"id of an added token", smallJSON(`"id": 3`, `"id": 2`), "", false, "have the same id 2"},
		{"huge id", smallJSON(`"b": 1`, `"b": 2000000000`), "", false, `the id of "b" is 2000000000, which is not in 0 to`},
		{"huge number", smallJSON(`"b": 1`, `"b": 1e99`), "", false, `the id of "b"`},
		{"negative id", smallJSON(`"b": 1`, `"b": -1`), "", false, `the id of "b" is -1`},
		{"fraction", smallJSON(`"b": 1`, `"b": 1.5`), "", false, `the id of "b"`},
		{"merge of a missing token", smallJSON(`"a b"`, `"a c"`), "", false, `needs the token "c"`},
		{"merge of three", smallJSON(`"a b"`, `"a b c"`), "", false, "3 parts"},
		{"vocabulary", smallJSON(`{"a": 0, "b": 1, "ab": 2}`, `[1]`), "", false, "model.vocab"},
		{"configuration", smallJSON(), "{", false, "tokenizer_config.json"},
		{"role without token", smallJSON(), `{"eos_token": "x"}`, false, `eos_token is "x", which is no token`},
		{"no default template", smallJSON(), `{"chat_template": []}`, false, "default"},
	} {
		var config []byte
		if tt.config != "" {
			config = []byte(tt.config)
		}
		_, err := FromJSON(tt.json, config)
		var unsupported *UnsupportedError
		var format *FormatError
		if err == nil || !strings.Contains(err.Error(), tt.want) ||
			errors.As(err, &unsupported) != tt.unsupported || errors.As(err, &format) == tt.unsupported {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// What we write for the Python libraries, we read back as the same tokenizer.
// (That they do so too takes Python to check.)
func TestHubFilesGiveTheSameTokenizer(t *testing.T) {
	texts := readReference(t)[:1500]
	for _, pre := range patternNames() {
		s := byteSpec()
		s.Tokens = append(s.Tokens, "<start>", "<|im_end|>")
		s.Types = slices.Repeat([]int32{typeNormal}, len(s.Tokens))
		s.BOS, s.EOS = int32(len(s.Tokens)-2), int32(len(s.Tokens)-1)
		s.Types[s.BOS], s.Types[s.EOS] = typeControl, typeUserDefined
		s.ChatTemplate = "<&>{{ messages[0].content }}"
		if pre == smolSpec(t).Pre {
			s = smolSpec(t)
		}
		s.Pre, s.AddBOS = pre, true
		tok, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		files, err := tok.HubFiles()
		if err != nil {
			t.Fatal(err)
		}
		again, err := FromJSON(files["tokenizer.json"], files["tokenizer_config.json"])
		if err != nil {
			t.Fatalf("%s: %v", pre, err)
		}
		if again.roles.bos != tok.roles.bos || again.roles.eos != tok.roles.eos || again.template != tok.template {
			t.Errorf("%s: roles %v and template %q, want %v and %q", pre, again.roles, again.template, tok.roles, tok.template)
		}
		for _, r := range texts {
			if got, want := again.Encode(r.text), tok.Encode(r.text); !slices.Equal(got, want) {
				t.Fatalf("%s, %q: %v, want %v", pre, r.text, got, want)
			}
		}
		if !json.Valid(files["special_tokens_map.json"]) || !strings.Contains(string(files["special_tokens_map.json"]), `"eos_token":"<|im_end|>"`) {
			t.Errorf("%s: special_tokens_map.json is %s", pre, files["special_tokens_map.json"])
		}
	}
}

func FuzzFromJSON(f *testing.F) {
	f.Add(smallJSON(), []byte(`{"eos_token": "<end>"}`))
	f.Add(smallJSON(`"a b"`, `"a c"`), []byte(`{}`))
	f.Add(smallJSON(`"b": 1`, `"b": 99999999999`), []byte(`{"chat_template": [{"name": "default"}]}`))
	f.Add(smallJSON(`{"type": "ByteLevel", "add`, `{"type": "Sequence", "pretokenizers": [{"type": "Digits"}], "add`), []byte(nil))
	f.Add([]byte(`{"model": {"vocab": {"a": {}}}}`), []byte(`[]`))
	for _, p := range patterns {
		b, err := json.Marshal(p.hub)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(fmt.Sprintf(`{"decoder": {"type": "ByteLevel"}, "pre_tokenizer": %s, "model": {"type": "BPE", "vocab": {"a": 1}}}`, b)), []byte(nil))
	}
	f.Fuzz(func(t *testing.T, tokenizerJSON, config []byte) {
		tok, err := FromJSON(tokenizerJSON, config)
		if err != nil {
			return
		}
		if limit := len(tokenizerJSON) + 2048; tok.VocabSize() > limit {
			t.Errorf("%d bytes made a vocabulary of %d", len(tokenizerJSON), tok.VocabSize())
		}
		ids := tok.Encode("ab <end> 1\n")
		checkDecoder(t, tok, ids)
		if _, err := tok.HubFiles(); err != nil {
			t.Error(err)
		}
	})
}
