package tokenizer

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestInvalidBytesBecomeOneReplacementPerMaximalPart(t *testing.T) {
	for _, tt := range []struct{ raw, want string }{
		{"abc", "abc"},
		{"\xff", "�"},
		{"\xff\xfe", "��"},
		{"\xe2\x82", "�"},          // a beginning of €
		{"\xe2\x82A", "�A"},        // the same, cut off by another character
		{"\xe2A", "�A"},            //
		{"\xf0\x9f\x98", "�"},      // three of four
		{"\xf0\x9f\x98é", "�é"},    //
		{"\xf0\x9f\xf0\x9f", "��"}, // two beginnings
		{"\xc0\x80", "��"},         // overlong
		{"\xed\xa0\x80", "���"},    // a surrogate
		{"\xf4\x90\x80\x80", "����"},
		{"\xf5\x80", "��"},
		{"\xe0\x80\x80", "���"},
		{"\x80\x80", "��"},
		{"\xef\xbf\xbd", "�"}, // U+FFFD itself
	} {
		var text strings.Builder
		if rest := appendText(&text, []byte(tt.raw)); len(rest) > 0 {
			text.WriteRune(utf8.RuneError)
		}
		if text.String() != tt.want {
			t.Errorf("%q: %q, want %q", tt.raw, text.String(), tt.want)
		}
	}
}

// byteSpec is a tokenizer with a token for every byte, and some that begin,
// end or break characters.
func byteSpec() Spec {
	s := Spec{Model: "gpt2", Pre: "gpt-2", BOS: -1, EOS: -1, Unknown: -1, Padding: -1}
	for _, r := range byteToRune {
		s.Tokens = append(s.Tokens, string(r))
	}
	for _, raw := range []string{"a\xe2\x82", "\xac\xf0\x9f", "\x98\x80", "\xf0\x9f\x98\x80", "é\xc3"} {
		token := ""
		for i := range len(raw) {
			token += string(byteToRune[raw[i]])
		}
		s.Tokens = append(s.Tokens, token)
	}
	return s
}

func byteTokens(t testing.TB) *Tokenizer {
	t.Helper()
	tok, err := New(byteSpec())
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// checkDecoder checks what the Decoder promises, for one sequence.
func checkDecoder(t *testing.T, tok *Tokenizer, ids []int32) {
	t.Helper()
	want := tok.Decode(ids)
	d := tok.NewDecoder()
	var all strings.Builder
	var raw []byte
	for i, id := range ids {
		piece := d.Write(id)
		if !utf8.ValidString(piece) {
			t.Fatalf("ids %v: piece %d is %q, which ends within a character", ids, i, piece)
		}
		all.WriteString(piece)
		raw = append(raw, tok.TokenBytes(id)...)
		if utf8.Valid(raw) && all.String() != string(raw) {
			t.Fatalf("ids %v: %q after %d, want all of %q", ids, all.String(), i+1, raw)
		}
	}
	all.WriteString(d.Flush())
	if all.String() != want {
		t.Fatalf("ids %v: pieces give %q, Decode gives %q", ids, all.String(), want)
	}
	if again := d.Flush(); again != "" {
		t.Fatalf("ids %v: a second Flush gives %q", ids, again)
	}
}

func TestDecoderAgreesWithDecode(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	tok := byteTokens(t)
	// The bytes at which UTF-8 takes its decisions, and the tokens beyond them.
	edges := []int32{'a', 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff, 256, 257, 258, 259, 260, 999, -1}
	for range 20_000 {
		ids := make([]int32, r.IntN(12))
		for i := range ids {
			ids[i] = edges[r.IntN(len(edges))]
		}
		checkDecoder(t, tok, ids)
	}
	for range 2_000 {
		ids := make([]int32, r.IntN(40))
		for i := range ids {
			ids[i] = r.Int32N(int32(smol(t).VocabSize()))
		}
		checkDecoder(t, smol(t), ids)
	}
}

func TestSpecialTokensCanBeSkipped(t *testing.T) {
	tok := smol(t)
	ids := tok.Encode("<|im_start|>user\nhi<|im_end|>\n")
	if got := tok.Decode(ids); got != "<|im_start|>user\nhi<|im_end|>\n" {
		t.Errorf("Decode: %q", got)
	}
	if got := tok.DecodeSkipSpecial(ids); got != "user\nhi\n" {
		t.Errorf("DecodeSkipSpecial: %q", got)
	}
}

func TestIdsWithoutTokenDecodeToNothing(t *testing.T) {
	tok := smol(t)
	if got := tok.Decode([]int32{-1, 49152, 1 << 30}); got != "" {
		t.Errorf("got %q", got)
	}
	if b := tok.TokenBytes(49152); b != nil {
		t.Errorf("TokenBytes: %q, want nil", b)
	}
}
