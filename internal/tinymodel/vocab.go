package tinymodel

import "tinsmith.example/internal/weights/gguf"

// The values of tokenizer.ggml.token_type that occur here.
const (
	typeNormal  = int32(1)
	typeControl = int32(3)
)

// merges are the pairs that become one token, best first. With the 256 bytes
// and the three special tokens they fill the vocabulary. "Ġ" is the blank in
// the byte-level alphabet.
var merges = [VocabSize - 256 - 3][2]string{
	{"Ġ", "t"}, {"h", "e"}, {"Ġ", "a"}, {"i", "n"}, {"r", "e"}, {"o", "n"}, {"Ġt", "he"}, {"e", "r"},
	{"Ġ", "s"}, {"a", "t"}, {"Ġ", "w"}, {"Ġ", "o"}, {"e", "n"}, {"Ġ", "c"}, {"i", "t"}, {"i", "s"},
	{"a", "n"}, {"o", "r"}, {"e", "s"}, {"Ġ", "b"}, {"e", "d"}, {"Ġ", "f"}, {"in", "g"}, {"Ġ", "p"},
	{"o", "u"}, {"Ġa", "n"}, {"a", "l"}, {"a", "r"}, {"Ġt", "o"}, {"Ġ", "m"}, {"Ġo", "f"}, {"Ġ", "in"},
	{"Ġ", "d"}, {"Ġ", "h"}, {"Ġan", "d"}, {"i", "c"}, {"l", "e"}, {"Ġt", "h"}, {"o", "m"}, {"Ġ", "is"},
	{"l", "l"},
}

// chatTemplate renders a conversation in the ChatML form.
const chatTemplate = `{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}` +
	`{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}`

// vocabulary is what the file says of the tokenizer.
func vocabulary() []gguf.KV {
	tokens := []string{"<|endoftext|>", "<|im_start|>", "<|im_end|>"}
	types := []int32{typeControl, typeControl, typeControl}
	for b := range 256 {
		tokens = append(tokens, string(byteRune(byte(b))))
		types = append(types, typeNormal)
	}
	pairs := make([]string, len(merges))
	for i, m := range merges {
		pairs[i] = m[0] + " " + m[1]
		tokens = append(tokens, m[0]+m[1])
		types = append(types, typeNormal)
	}
	return []gguf.KV{
		{Key: "tokenizer.ggml.model", Value: "gpt2"},
		{Key: "tokenizer.ggml.pre", Value: "smollm"},
		{Key: "tokenizer.ggml.tokens", Value: tokens},
		{Key: "tokenizer.ggml.token_type", Value: types},
		{Key: "tokenizer.ggml.merges", Value: pairs},
		{Key: "tokenizer.ggml.bos_token_id", Value: uint32(StartToken)},
		{Key: "tokenizer.ggml.eos_token_id", Value: uint32(EndToken)},
		{Key: "tokenizer.ggml.unknown_token_id", Value: uint32(EndOfText)},
		{Key: "tokenizer.ggml.padding_token_id", Value: uint32(EndToken)},
		{Key: "tokenizer.ggml.add_bos_token", Value: false},
		{Key: "tokenizer.chat_template", Value: chatTemplate},
	}
}

// byteRune is the character that stands for b in the byte-level alphabet of
// GPT-2: itself if it is printable, else one from U+0100 on, in rising order.
func byteRune(b byte) rune {
	if printable(b) {
		return rune(b)
	}
	r := rune(0x100)
	for c := range b {
		if !printable(c) {
			r++
		}
	}
	return r
}

// printable says which Latin-1 characters the alphabet takes as they are.
func printable(b byte) bool {
	return '!' <= b && b <= '~' || 0xa1 <= b && b != 0xad
}
