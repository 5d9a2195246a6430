package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// The names of the files that Hugging Face's Python libraries load.
const (
	FileTokenizer    = "tokenizer.json"
	FileConfig       = "tokenizer_config.json"
	FileChatTemplate = "chat_template.jinja" // newer repositories have it apart
	fileSpecials     = "special_tokens_map.json"
)

// HubFiles returns the files, by name, that make Hugging Face's Python libraries
// tokenizers and transformers give the same ids and the same chat prompts:
// tokenizer.json, tokenizer_config.json and special_tokens_map.json. The caller
// may change them.
func (t *Tokenizer) HubFiles() (map[string][]byte, error) { return t.hub() }

// object is a JSON object that is written out once.
type object = map[string]any

// The pre_tokenizer steps of tokenizer.json.
var hubDigits = object{"type": "Digits", "individual_digits": true}

func hubByteLevel(regex bool) object {
	return object{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": regex}
}

func hubSplit(regex string) object {
	return object{"type": "Split", "pattern": object{"Regex": regex}, "behavior": "Isolated", "invert": false}
}

func hubSequence(steps ...object) object {
	return object{"type": "Sequence", "pretokenizers": steps}
}

// hubFiles writes out a definition that came from elsewhere.
func hubFiles(d *definition, p *pattern) (map[string][]byte, error) {
	files, err := hubConfigFiles(d)
	if err != nil {
		return nil, err
	}
	added := []hubAddedToken{}
	for _, a := range d.added {
		added = append(added, hubAddedToken{
			ID: a.id, Content: a.text, Normalized: a.normalized, Special: d.special[a.id],
		})
	}
	vocab := make(map[string]int32, len(d.tokens))
	for id, token := range d.tokens {
		if token != "" {
			vocab[token] = int32(id)
		}
	}
	merges := d.merges
	if merges == nil {
		merges = [][2]string{}
	}
	var normalizer any
	if d.normalize != "" {
		normalizer = object{"type": d.normalize}
	}
	files[FileTokenizer], err = marshal(object{
		"version": "1.0", "truncation": nil, "padding": nil,
		"added_tokens":   added,
		"normalizer":     normalizer,
		"pre_tokenizer":  p.hub,
		"post_processor": d.hubPostProcessor(),
		"decoder":        hubByteLevel(true),
		"model": object{
			"type": "BPE", "dropout": nil, "unk_token": nil,
			"continuing_subword_prefix": nil, "end_of_word_suffix": nil,
			"fuse_unk": false, "byte_fallback": false, "ignore_merges": d.ignoreMerges,
			"vocab": vocab, "merges": merges,
		},
	})
	return files, err
}

// hubPostProcessor is what puts the first token before a text, where the model
// wants that.
func (d *definition) hubPostProcessor() any {
	if !d.roles.addBOS || d.roles.bos < 0 {
		return nil
	}
	bos := d.tokens[d.roles.bos]
	first := object{"SpecialToken": object{"id": bos, "type_id": 0}}
	a := object{"Sequence": object{"id": "A", "type_id": 0}}
	b := object{"Sequence": object{"id": "B", "type_id": 1}}
	return object{
		"type": "TemplateProcessing", "single": []any{first, a}, "pair": []any{first, a, b},
		"special_tokens": object{bos: object{"id": bos, "ids": []int32{d.roles.bos}, "tokens": []string{bos}}},
	}
}

// A hubConfig is what we read of a tokenizer_config.json.
type hubConfig struct {
	BOS          hubToken    `json:"bos_token"`
	EOS          hubToken    `json:"eos_token"`
	Unknown      hubToken    `json:"unk_token"`
	Padding      hubToken    `json:"pad_token"`
	AddBOS       bool        `json:"add_bos_token"`
	ChatTemplate hubTemplate `json:"chat_template"`
}

// A hubToken is a token's text, which some files wrap in an object.
type hubToken string

func (t *hubToken) UnmarshalJSON(b []byte) error {
	var wrapped struct {
		Content string `json:"content"`
	}
	if len(b) > 0 && b[0] == '{' {
		err := json.Unmarshal(b, &wrapped)
		*t = hubToken(wrapped.Content)
		return err
	}
	return json.Unmarshal(b, (*string)(t))
}

// A hubTemplate is a chat template. Files with several name them; the one for
// plain conversations is called default.
type hubTemplate string

func (t *hubTemplate) UnmarshalJSON(b []byte) error {
	if len(b) == 0 || b[0] != '[' {
		return json.Unmarshal(b, (*string)(t))
	}
	var named []struct {
		Name     string `json:"name"`
		Template string `json:"template"`
	}
	if err := json.Unmarshal(b, &named); err != nil {
		return err
	}
	for _, n := range named {
		if n.Name == "default" {
			*t = hubTemplate(n.Template)
			return nil
		}
	}
	return fmt.Errorf("none of the %d chat templates is called default", len(named))
}

// apply adds what the configuration says to d.
func (c *hubConfig) apply(d *definition) error {
	d.roles = roles{-1, -1, -1, -1, c.AddBOS}
	d.template = string(c.ChatTemplate)
	for _, role := range []struct {
		name  string
		token hubToken
		id    *int32
	}{
		{"bos_token", c.BOS, &d.roles.bos}, {"eos_token", c.EOS, &d.roles.eos},
		{"unk_token", c.Unknown, &d.roles.unknown}, {"pad_token", c.Padding, &d.roles.padding},
	} {
		if role.token == "" {
			continue
		}
		for id, token := range d.tokens {
			if token == string(role.token) {
				*role.id = int32(id)
			}
		}
		if *role.id < 0 {
			return malformed(FileConfig, "%s is %q, which is no token", role.name, abbreviate(string(role.token)))
		}
	}
	return nil
}

// hubConfigFiles returns the files beside tokenizer.json.
func hubConfigFiles(d *definition) (map[string][]byte, error) {
	config := object{
		"tokenizer_class":              "PreTrainedTokenizerFast",
		"clean_up_tokenization_spaces": false,
		"model_input_names":            []string{"input_ids", "attention_mask"},
		"add_prefix_space":             false,
	}
	specials := object{}
	for _, role := range []struct {
		name string
		id   int32
	}{
		{"bos_token", d.roles.bos}, {"eos_token", d.roles.eos},
		{"unk_token", d.roles.unknown}, {"pad_token", d.roles.padding},
	} {
		if role.id >= 0 {
			config[role.name] = d.tokens[role.id]
			specials[role.name] = d.tokens[role.id]
		}
	}
	if d.template != "" {
		config["chat_template"] = d.template
	}
	var files = map[string][]byte{}
	var err error
	if files[FileConfig], err = marshal(config); err != nil {
		return nil, err
	}
	files[fileSpecials], err = marshal(specials)
	return files, err
}

// marshal leaves <, > and & as they are: special tokens are full of them.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}
