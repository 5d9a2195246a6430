package tokenizer

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestPiecesAsTheReference(t *testing.T) {
	b, err := os.ReadFile("testdata/pieces.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []map[string]json.RawMessage // "text", and the pieces by pattern
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		var text string
		if err := json.Unmarshal(c["text"], &text); err != nil {
			t.Fatal(err)
		}
		for name, p := range patterns {
			var want, got []string
			if err := json.Unmarshal(c[name], &want); err != nil {
				t.Fatal(err)
			}
			for i := 0; i < len(text); {
				end := p.split(text, i)
				got = append(got, text[i:end])
				i = end
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s, %+q: %+q, want %+q", name, text, got, want)
			}
		}
	}
}

func TestAddedTokensAreFoundLeftmostLongest(t *testing.T) {
	m := newMatcher()
	for id, text := range []string{"<a>", "<a>b", "b<", "<", "xyz", "é"} {
		m.add(text, int32(id))
	}
	m.add("", 99) // stands nowhere
	for _, tt := range []struct{ text, want string }{
		{"", ""},
		{"plain", "plain"},
		{"<a>", "[0]"},
		{"<a>bc", "[1] c"},
		{"b<a>", "[2] a>"}, // what starts first wins, though <a> is longer
		{"<<a", "[3] [3] a"},
		{"xyxyz", "xy [4]"},
		{"aébé", "a [5] b [5]"},
	} {
		var got []string
		m.cut(tt.text, func(plain string, id int32) {
			if plain == "" {
				plain = "[" + string('0'+id) + "]"
			}
			got = append(got, plain)
		})
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("%q: %q, want %q", tt.text, s, tt.want)
		}
	}
}
