package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// A hubTokenizer is a Hugging Face tokenizer.json. Its post_processor, which
// adds special tokens around a text, and its truncation and padding, which
// belong to a call, have no part in Encode and are not read.
type hubTokenizer struct {
	AddedTokens  []hubAddedToken `json:"added_tokens"`
	Normalizer   json.RawMessage `json:"normalizer"`
	PreTokenizer json.RawMessage `json:"pre_tokenizer"`
	Decoder      *struct {
		Type string `json:"type"`
	} `json:"decoder"`
	Model hubModel `json:"model"`
}

type hubAddedToken struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

type hubModel struct {
	Type          string    `json:"type"`
	Dropout       *float64  `json:"dropout"`
	UnkToken      *string   `json:"unk_token"`
	SubwordPrefix *string   `json:"continuing_subword_prefix"`
	WordSuffix    *string   `json:"end_of_word_suffix"`
	FuseUnk       bool      `json:"fuse_unk"`
	ByteFallback  bool      `json:"byte_fallback"`
	IgnoreMerges  bool      `json:"ignore_merges"`
	Vocab         hubVocab  `json:"vocab"`
	Merges        hubMerges `json:"merges"`
}

// A hubVocab is an object of token to id, kept as the list it is in the file,
// so that a token named twice shows.
type hubVocab []vocabEntry

type vocabEntry struct {
	token string
	id    int32
}

func (v *hubVocab) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("model.vocab is not an object of token to id")
	}
	*v = nil
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		token, _ := key.(string)
		var id int32
		if err := d.Decode(&id); err != nil {
			return fmt.Errorf("the id of %q: %w", abbreviate(token), err)
		}
		*v = append(*v, vocabEntry{token, id})
	}
	return nil
}

// hubMerges holds pairs, which older files write as "left right".
type hubMerges [][2]string

func (m *hubMerges) UnmarshalJSON(b []byte) error {
	var list []hubMerge
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	*m = make(hubMerges, len(list))
	for i, pair := range list {
		(*m)[i] = pair
	}
	return nil
}

type hubMerge [2]string

func (m *hubMerge) UnmarshalJSON(b []byte) error {
	var parts []string
	if len(b) > 0 && b[0] == '"' {
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		parts = strings.Split(s, " ")
	} else if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	if len(parts) != 2 {
		return fmt.Errorf("a merge has %d parts, not 2", len(parts))
	}
	*m = hubMerge(parts)
	return nil
}

// FromJSON is [FromHubFiles] without a chat template in a file of its own.
func FromJSON(tokenizerJSON, tokenizerConfigJSON []byte) (*Tokenizer, error) {
	return fromHub(tokenizerJSON, tokenizerConfigJSON, nil)
}

// FromHubFiles returns the tokenizer of a Hugging Face model: of the files, by
// name, that its repository has. [FileTokenizer] must be there. [FileConfig]
// names the tokens with a part to play and may have the chat template;
// [FileChatTemplate] has it, where it is there. Others are not looked at.
//
// It fails with an [*UnsupportedError] if the files ask for something that this
// package does not have, and with a [*FormatError] if they are broken.
func FromHubFiles(files map[string][]byte) (*Tokenizer, error) {
	return fromHub(files[FileTokenizer], files[FileConfig], files[FileChatTemplate])
}

func fromHub(tokenizerJSON, tokenizerConfigJSON, chatTemplate []byte) (*Tokenizer, error) {
	var h hubTokenizer
	if err := json.Unmarshal(tokenizerJSON, &h); err != nil {
		return nil, &FormatError{Part: FileTokenizer, Err: err}
	}
	d, err := h.definition()
	if err != nil {
		return nil, err
	}
	c := new(hubConfig)
	if tokenizerConfigJSON != nil {
		if err := json.Unmarshal(tokenizerConfigJSON, c); err != nil {
			return nil, &FormatError{Part: FileConfig, Err: err}
		}
	}
	if err := c.apply(d); err != nil {
		return nil, err
	}
	if chatTemplate != nil {
		d.template = string(chatTemplate)
	}
	t, err := d.build()
	if err != nil {
		return nil, err
	}
	tokenizerJSON, tokenizerConfigJSON = slices.Clone(tokenizerJSON), slices.Clone(tokenizerConfigJSON)
	t.hub = func() (map[string][]byte, error) {
		files, err := hubConfigFiles(d)
		if err != nil {
			return nil, err
		}
		files[FileTokenizer] = slices.Clone(tokenizerJSON)
		if tokenizerConfigJSON != nil {
			files[FileConfig] = slices.Clone(tokenizerConfigJSON)
		}
		if chatTemplate != nil {
			files[FileChatTemplate] = []byte(d.template)
		}
		return files, nil
	}
	return t, nil
}

// definition checks that the file is a byte-level BPE that this package can
// reproduce, and says it in our words.
func (h *hubTokenizer) definition() (*definition, error) {
	m := &h.Model
	for _, part := range []struct {
		bad         bool
		name, value string
		supported   string
	}{
		{m.Type != "BPE", "model.type", m.Type, "BPE"},
		{m.Dropout != nil && *m.Dropout != 0, "model.dropout", fmt.Sprint(value(m.Dropout)), "null"},
		{value(m.SubwordPrefix) != "", "model.continuing_subword_prefix", value(m.SubwordPrefix), "null"},
		{value(m.WordSuffix) != "", "model.end_of_word_suffix", value(m.WordSuffix), "null"},
		{m.ByteFallback, "model.byte_fallback", "true", "false"},
		{h.Decoder == nil || h.Decoder.Type != "ByteLevel", "decoder", value(h.Decoder).Type, "ByteLevel"},
	} {
		if part.bad {
			return nil, &UnsupportedError{part.name, part.value, []string{part.supported}}
		}
	}
	p, err := recognize(h.PreTokenizer)
	if err != nil {
		return nil, err
	}
	d := &definition{split: p.split, ignoreMerges: m.IgnoreMerges, merges: m.Merges}
	if d.normalize, err = normalizer(h.Normalizer); err != nil {
		return nil, err
	}
	if err := h.placeTokens(d); err != nil {
		return nil, err
	}
	if m.UnkToken != nil {
		for _, r := range byteToRune {
			if !slices.Contains(d.tokens, string(r)) {
				return nil, &UnsupportedError{"model.unk_token", *m.UnkToken, []string{"null, unless all 256 bytes have tokens"}}
			}
		}
	}
	return d, nil
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// placeTokens fills in the tokens by id. Ids may be missing, but the highest is
// bounded by what the file holds, so that a small file cannot ask for much
// memory.
func (h *hubTokenizer) placeTokens(d *definition) error {
	limit := int32(min(2*(len(h.Model.Vocab)+len(h.AddedTokens))+1024, maxTokens))
	place := func(part, token string, id int32) error {
		if token == "" {
			return malformed(part, "the token of id %d is empty", id)
		}
		if id < 0 || id >= limit {
			return malformed(part, "the id of %q is %d, which is not in 0 to %d", abbreviate(token), id, limit-1)
		}
		for int(id) >= len(d.tokens) {
			d.tokens = append(d.tokens, "")
		}
		if there := d.tokens[id]; there != "" && there != token {
			return malformed(part, "%q and %q have the same id %d", abbreviate(there), abbreviate(token), id)
		}
		d.tokens[id] = token
		return nil
	}
	for _, e := range h.Model.Vocab {
		if err := place("model.vocab", e.token, e.id); err != nil {
			return err
		}
	}
	seen := map[string]bool{}
	for _, a := range h.AddedTokens {
		if err := place("added_tokens", a.Content, a.ID); err != nil {
			return err
		}
		if seen[a.Content] {
			return malformed("added_tokens", "%q is there twice", abbreviate(a.Content))
		}
		seen[a.Content] = true
		for _, flag := range []struct {
			set  bool
			name string
		}{{a.SingleWord, "single_word"}, {a.LStrip, "lstrip"}, {a.RStrip, "rstrip"}} {
			if flag.set {
				return &UnsupportedError{"added_tokens, " + flag.name + " of " + abbreviate(a.Content), "true", []string{"false"}}
			}
		}
		d.added = append(d.added, addedToken{a.Content, a.ID, a.Normalized})
	}
	d.special = make([]bool, len(d.tokens))
	for _, a := range h.AddedTokens {
		d.special[a.ID] = a.Special
	}
	return nil
}

// recognize returns the pattern that is written out as a pre_tokenizer.
func recognize(preTokenizer json.RawMessage) (*pattern, error) {
	got, err := hubSteps(preTokenizer)
	if err != nil {
		return nil, &FormatError{Part: "pre_tokenizer", Err: err}
	}
	for _, p := range patterns {
		b, err := json.Marshal(p.hub)
		if err != nil {
			return nil, err
		}
		want, err := hubSteps(b)
		if err != nil {
			return nil, err
		}
		if reflect.DeepEqual(got, want) {
			return p, nil
		}
	}
	return nil, &UnsupportedError{"pre_tokenizer", string(preTokenizer), patternNames()}
}

// hubSteps returns the steps of a pre_tokenizer, a sequence or a single one,
// without what does not change how it cuts.
func hubSteps(preTokenizer json.RawMessage) ([]map[string]any, error) {
	type sequence struct {
		Type  string           `json:"type"`
		Steps []map[string]any `json:"pretokenizers"`
	}
	var s sequence
	if err := json.Unmarshal(preTokenizer, &s); err != nil {
		return nil, err
	}
	if s.Type != "Sequence" {
		var one map[string]any
		if err := json.Unmarshal(preTokenizer, &one); err != nil {
			return nil, err
		}
		s.Steps = []map[string]any{one}
	}
	for _, step := range s.Steps {
		delete(step, "trim_offsets") // changes offsets, not tokens
		if step["type"] == "ByteLevel" && step["use_regex"] == nil {
			step["use_regex"] = true // the default, in older files
		}
	}
	return s.Steps, nil
}

// normalizer returns the name of the only normalizer there is, or "" for none.
func normalizer(b json.RawMessage) (string, error) {
	var n *struct {
		Type string `json:"type"`
	}
	if len(b) == 0 {
		return "", nil
	}
	if err := json.Unmarshal(b, &n); err != nil {
		return "", &FormatError{Part: "normalizer", Err: err}
	}
	switch {
	case n == nil:
		return "", nil
	case n.Type == "NFC":
		return n.Type, nil
	default:
		return "", &UnsupportedError{"normalizer", n.Type, []string{"null", "NFC"}}
	}
}
