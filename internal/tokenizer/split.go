package tokenizer

import "slices"

// A splitter cuts a text into the pieces within which tokens are merged: it
// returns where the piece that starts at s[i:] ends. i is below len(s) and the
// end above i. The splitters follow known patterns by hand, since a general
// engine for regular expressions is several times slower.
type splitter func(s string, i int) int

// A pattern is a way of cutting text that this package knows.
type pattern struct {
	split     splitter
	normalize string // "NFC", or "" for none
	// ignoreMerges: a piece that is a token as a whole is taken as it is, even
	// if no merges lead to it.
	ignoreMerges bool
	// hub is the "pre_tokenizer" of a Hugging Face tokenizer.json that means
	// the same.
	hub any
}

// patterns holds the patterns by the name that GGUF files have for them, in
// tokenizer.ggml.pre.
var patterns = map[string]*pattern{
	"gpt-2":     gpt2Pattern,
	"smollm":    digitsPattern,
	"llama-bpe": llama3Pattern,
	"qwen2":     qwen2Pattern,
}

var (
	gpt2Pattern   = &pattern{split: splitGPT2, hub: hubByteLevel(true)}
	digitsPattern = &pattern{split: splitDigits, hub: hubSequence(hubDigits, hubByteLevel(true))}
	llama3Pattern = &pattern{
		split: splitLlama3, ignoreMerges: true,
		hub: hubSequence(hubSplit(llama3Regex), hubByteLevel(false)),
	}
	qwen2Pattern = &pattern{
		split: splitQwen2, normalize: "NFC",
		hub: hubSequence(hubSplit(qwen2Regex), hubByteLevel(false)),
	}
)

func patternNames() []string {
	names := make([]string, 0, len(patterns))
	for name := range patterns {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// spaceEnd handles what the patterns have in common for white space that
// nothing else took, \s+(?!\S)|\s+ : of several characters before a piece of
// another kind all but the last, otherwise the whole run. The run is s[i:end],
// and last is where its last character starts; atEnd says that nothing follows
// it within the text that the pattern sees.
func spaceEnd(i, last, end int, atEnd bool) int {
	if atEnd || last == i {
		return end
	}
	return last
}

// runEnd returns where the run of characters of class c that starts at s[i:]
// ends; i itself if there is none.
func runEnd(s string, i int, c class) int {
	for {
		got, n := classAt(s, i)
		if n == 0 || got != c {
			return i
		}
		i += n
	}
}
