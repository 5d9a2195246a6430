package sample

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

func stops(t testing.TB, tokens []int32, texts ...string) *Stops {
	t.Helper()
	s, err := NewStops(tokens, texts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStopStringsEndAnywhere(t *testing.T) {
	for _, tt := range []struct {
		name   string
		texts  []string
		pieces []string
		want   int // the piece that completes a stop; -1: none
	}{
		{"a token of its own", []string{"END"}, []string{"a", "END"}, 1},
		{"at the end of a token", []string{"END"}, []string{"the END"}, 0},
		{"within a token", []string{"END"}, []string{"a", "bENDc", "d"}, 1},
		{"across tokens", []string{"END"}, []string{"xE", "N", "Dy"}, 2},
		{"never", []string{"END"}, []string{"EN", "EN", "E", "nd"}, -1},
		{"after a false start", []string{"aab"}, []string{"aa", "a", "b"}, 2},
		{"half a character", []string{"\xc3\xa4"}, []string{"\xc3", "\xa4"}, 1},
		{"bytes that are no text", []string{"\xff\x00"}, []string{"\x00\xff", "\x00"}, 1},
		{"the first of two", []string{"zz", "b"}, []string{"a", "b", "zz"}, 1},
		{"one within the other", []string{"abcd", "bc"}, []string{"ab", "c", "d"}, 1},
		{"empty pieces", []string{"ab"}, []string{"", "a", "", "b"}, 3},
		{"no stops", nil, []string{"a"}, -1},
	} {
		m := stops(t, nil, tt.texts...).Matcher()
		got := -1
		for i, piece := range tt.pieces {
			if m.Token(0, []byte(piece)) {
				got = i
				break
			}
		}
		if got != tt.want {
			t.Errorf("%s: stopped at piece %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestStopTokensEndWhateverTheirText(t *testing.T) {
	s := stops(t, []int32{5, 0}, "ab")
	for _, tt := range []struct {
		id    int32
		piece string
		want  bool
	}{{5, "", true}, {0, "x", true}, {1, "x", false}, {1, "ab", true}, {5, "ab", true}, {-1, "", false}} {
		if got := s.Matcher().Token(tt.id, []byte(tt.piece)); got != tt.want {
			t.Errorf("token %d %q: %v, want %v", tt.id, tt.piece, got, tt.want)
		}
	}
	if !s.HasTexts() || stops(t, []int32{1}).HasTexts() {
		t.Error("HasTexts is wrong")
	}
}

func TestEmptyStopStringIsRefused(t *testing.T) {
	_, err := NewStops(nil, []string{"a", ""})
	if !errors.Is(err, ErrEmptyStop) || !strings.Contains(err.Error(), "2 of 2") {
		t.Errorf("error %v, want ErrEmptyStop that names the second", err)
	}
}

func TestMatchersOfOneStopsAreIndependent(t *testing.T) {
	s := stops(t, nil, "ab")
	a, b := s.Matcher(), s.Matcher()
	if a.Write([]byte("a")) || b.Write([]byte("b")) || !a.Write([]byte("b")) {
		t.Error("one matcher saw the other's text")
	}
}

// compareWithContains writes text in pieces and checks after each whether a
// stop has ended within the piece, by looking at the text as a whole.
func compareWithContains(t *testing.T, texts []string, text string, cuts func() int) {
	t.Helper()
	m := stops(t, nil, texts...).Matcher()
	for from := 0; from < len(text); {
		to := min(from+cuts(), len(text))
		want := false
		for _, stop := range texts {
			earliest := max(from+1-len(stop), 0) // where a stop that ends after from may begin
			want = want || strings.Contains(text[earliest:to], stop)
		}
		if got := m.Write([]byte(text[from:to])); got != want {
			t.Fatalf("stops %q, text %q: bytes %d to %d: %v, want %v", texts, text, from, to, got, want)
		}
		from = to
	}
}

func TestStopsCutAnywhereAreFoundAsInTheWholeText(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 18))
	random := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "ab"[r.IntN(2)] // few letters: many false starts
		}
		return string(b)
	}
	for range 3000 {
		texts := make([]string, 1+r.IntN(3))
		for i := range texts {
			texts[i] = random(1 + r.IntN(7))
		}
		compareWithContains(t, texts, random(60), func() int { return 1 + r.IntN(5) })
	}
}

func FuzzStopsCutAnywhere(f *testing.F) {
	f.Add("ab", "aab", "xaabaab", uint64(1))
	f.Add("\n\n", "</s>", "text\n\n</s>", uint64(2))
	f.Add("\xe2\x82\xac", "\x82", "5 \xe2\x82\xac", uint64(3))
	f.Fuzz(func(t *testing.T, a, b, text string, seed uint64) {
		if a == "" || b == "" {
			t.Skip()
		}
		r := rand.New(rand.NewPCG(seed, 0))
		compareWithContains(t, []string{a, b}, text, func() int { return 1 + r.IntN(6) })
	})
}

func BenchmarkStops(b *testing.B) {
	m := stops(b, nil, "\n\nQuestion:", "</answer>", "<|im_end|>", "STOP").Matcher()
	piece := []byte(" answer<")
	b.SetBytes(int64(len(piece)))
	for b.Loop() {
		m.Write(piece)
	}
}
