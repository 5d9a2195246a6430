package tokenizer

import (
	"fmt"
	"strings"
)

// An UnsupportedError says that a tokenizer needs something that this package
// does not have. Such a tokenizer is refused as a whole: near-enough token ids
// would be silently wrong numbers.
type UnsupportedError struct {
	Part      string   // which part of the tokenizer, such as "tokenizer.ggml.pre"
	Value     string   // what it asks for
	Supported []string // what this package has in that place
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("tokenizer: %s %q is not supported (supported: %s)",
		e.Part, abbreviate(e.Value), strings.Join(e.Supported, ", "))
}

// A FormatError says that a tokenizer's description contradicts itself or
// lacks something.
type FormatError struct {
	Part string // where, such as "merges[17]"
	Err  error  // what is wrong, with the value found
}

func (e *FormatError) Error() string { return "tokenizer: " + e.Part + ": " + e.Err.Error() }

func (e *FormatError) Unwrap() error { return e.Err }

func malformed(part, format string, args ...any) error {
	return &FormatError{Part: part, Err: fmt.Errorf(format, args...)}
}

// abbreviate keeps what a file holds from flooding an error message.
func abbreviate(s string) string {
	const limit = 200
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}
