package tinker

import "strings"

// A tokenizerID is the name under which a model's tokenizer is published, and
// which revision of it is meant.
type tokenizerID struct {
	name     string
	revision string // "": main
}

// pinned are tokenizers of which the API means one revision.
var pinned = map[string]tokenizerID{
	"moonshotai/Kimi-K2-Thinking":    {"moonshotai/Kimi-K2-Thinking", "612681931a8c906ddb349f8ad0f582cb552189cd"},
	"moonshotai/Kimi-K2.5":           {"moonshotai/Kimi-K2.5", "4d01dfe0332d63057c186e0b262165819efb6611"},
	"moonshotai/Kimi-K2.5-Text-Only": {"moonshotai/Kimi-K2.5", "4d01dfe0332d63057c186e0b262165819efb6611"},
	"moonshotai/Kimi-K2.6":           {"moonshotai/Kimi-K2.6", "b5aabbfb20227ed42becbf5541dbffd213942c58"},
	"moonshotai/Kimi-K3":             {"moonshotai/Kimi-K3", "f831ab66814297da540d832a5235f8e904f29d06"},
}

// tokenizerOf returns the tokenizer of a model.
func tokenizerOf(model string) tokenizerID {
	name := withoutVariant(model)
	if strings.HasPrefix(name, "meta-llama/Llama-3") {
		return tokenizerID{name: "thinkingmachineslabinc/meta-llama-3-instruct-tokenizer"} // those of the models are gated
	}
	if parts := strings.Split(name, "/"); len(parts) == 3 {
		name = parts[0] + "/" + parts[1]
	}
	return namedTokenizer(name)
}

// namedTokenizer returns the tokenizer of that name.
func namedTokenizer(name string) tokenizerID {
	name = withoutVariant(name)
	if id, ok := pinned[name]; ok {
		return id
	}
	return tokenizerID{name: name}
}

// withoutVariant cuts off what follows a model's name, such as a context length.
func withoutVariant(model string) string {
	name, _, _ := strings.Cut(model, ":")
	return name
}

// ofVendor reports whether the tokenizer is published in a Python package of the
// vendor's, and nowhere else.
func (id tokenizerID) ofVendor() bool {
	return strings.HasPrefix(id.name, "TML/") || strings.HasPrefix(id.name, "thinkingmachines/")
}
