package tokenizer

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/ulikunitz/xz"
)

func openXZ(t testing.TB, name string) io.Reader {
	t.Helper()
	f, err := os.Open("testdata/" + name + ".xz")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	r, err := xz.NewReader(bufio.NewReader(f))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func readXZ(t testing.TB, name string) []byte {
	t.Helper()
	b, err := io.ReadAll(openXZ(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// smolSpec is what the default model's GGUF file says.
func smolSpec(t testing.TB) Spec {
	t.Helper()
	smolOnce.Do(func() { smolOnce.spec = loadSpec(t) })
	return smolOnce.spec
}

var smolOnce struct {
	sync.Once
	spec Spec
}

func loadSpec(t testing.TB) Spec {
	t.Helper()
	var m struct {
		Model   string   `json:"tokenizer.ggml.model"`
		Pre     string   `json:"tokenizer.ggml.pre"`
		Tokens  []string `json:"tokenizer.ggml.tokens"`
		Types   []int32  `json:"tokenizer.ggml.token_type"`
		Merges  []string `json:"tokenizer.ggml.merges"`
		BOS     int32    `json:"tokenizer.ggml.bos_token_id"`
		EOS     int32    `json:"tokenizer.ggml.eos_token_id"`
		Unknown int32    `json:"tokenizer.ggml.unknown_token_id"`
		Padding int32    `json:"tokenizer.ggml.padding_token_id"`
		AddBOS  bool     `json:"tokenizer.ggml.add_bos_token"`
		Chat    string   `json:"tokenizer.chat_template"`
	}
	if err := json.Unmarshal(readXZ(t, "smollm2.gguf.json"), &m); err != nil {
		t.Fatal(err)
	}
	return Spec{
		Model: m.Model, Pre: m.Pre, Tokens: m.Tokens, Types: m.Types, Merges: m.Merges,
		BOS: m.BOS, EOS: m.EOS, Unknown: m.Unknown, Padding: m.Padding,
		AddBOS: m.AddBOS, ChatTemplate: m.Chat,
	}
}

// smol is the default model's tokenizer, made from its GGUF metadata.
func smol(t testing.TB) *Tokenizer {
	t.Helper()
	tok, err := smolTokenizer.get(smolSpec(t))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

var smolTokenizer shared

// shared makes a tokenizer once for all tests.
type shared struct {
	once sync.Once
	tok  *Tokenizer
	err  error
}

func (s *shared) get(spec Spec) (*Tokenizer, error) {
	s.once.Do(func() { s.tok, s.err = New(spec) })
	return s.tok, s.err
}

// reference holds the difficult strings and what the reference makes of them.
type reference struct {
	text, decoded string
	ids           []int32
}

// readReference returns all of them; callers only read.
func readReference(t testing.TB) []reference {
	t.Helper()
	referenceOnce.Do(func() { referenceOnce.all = loadReference(t) })
	return referenceOnce.all
}

var referenceOnce struct {
	sync.Once
	all []reference
}

func loadReference(t testing.TB) []reference {
	t.Helper()
	texts := json.NewDecoder(openXZ(t, "strings.jsonl"))
	results := json.NewDecoder(openXZ(t, "smollm2.ids.jsonl"))
	var all []reference
	for texts.More() {
		var r reference
		if err := texts.Decode(&r.text); err != nil {
			t.Fatal(err)
		}
		if err := results.Decode(&[]any{&r.ids, &r.decoded}); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	if len(all) != 26366 {
		t.Fatalf("%d strings, want 26366", len(all))
	}
	return all
}

func TestIDsAndTextAsTheReference(t *testing.T) {
	fromJSON, err := FromJSON(readXZ(t, "smollm2.tokenizer.json"), nil)
	if err != nil {
		t.Fatal(err)
	}
	all := readReference(t)
	for _, tt := range []struct {
		name string
		tok  *Tokenizer
	}{{"GGUF", smol(t)}, {"tokenizer.json", fromJSON}} {
		bad := 0
		for i, r := range all {
			ids := tt.tok.Encode(r.text)
			text := tt.tok.Decode(r.ids)
			if slices.Equal(ids, r.ids) && text == r.decoded {
				continue
			}
			if bad++; bad <= 5 {
				t.Errorf("%s, line %d, %.80q:\nids  %v\nwant %v\ntext %.80q\nwant %.80q",
					tt.name, i+1, r.text, ids[:min(len(ids), 40)], r.ids[:min(len(r.ids), 40)], text, r.decoded)
			}
		}
		if bad > 0 {
			t.Errorf("%s: %d of %d strings differ", tt.name, bad, len(all))
		}
	}
}

// The other families are held to sums over every 100 strings: the SHA-256 of,
// for each, its ids with spaces between, and the decoded text, a newline after
// both.
func TestFamiliesAsTheReference(t *testing.T) {
	all := readReference(t)
	for _, family := range []string{"llama3", "qwen2"} {
		tok, err := FromJSON(readXZ(t, family+".tokenizer.json"), nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile("testdata/" + family + ".sums")
		if err != nil {
			t.Fatal(err)
		}
		sums := strings.Fields(string(b))
		bad := 0
		for chunk := range slices.Chunk(all, 100) {
			h := sha256.New()
			for _, r := range chunk {
				ids := tok.Encode(r.text)
				for i, id := range ids {
					if i > 0 {
						io.WriteString(h, " ")
					}
					io.WriteString(h, strconv.Itoa(int(id)))
				}
				io.WriteString(h, "\n"+tok.Decode(ids)+"\n")
			}
			if len(sums) == 0 || hex.EncodeToString(h.Sum(nil)[:8]) != sums[0] {
				bad++
			}
			sums = sums[min(1, len(sums)):]
		}
		if bad > 0 || len(sums) > 0 {
			t.Errorf("%s: %d of 264 sums differ, %d are left over", family, bad, len(sums))
		}
	}
}

func TestNFCAsTheReference(t *testing.T) {
	b, err := os.ReadFile("testdata/nfc.json")
	if err != nil {
		t.Fatal(err)
	}
	var pairs [][2]string
	if err := json.Unmarshal(b, &pairs); err != nil {
		t.Fatal(err)
	}
	for _, p := range pairs {
		if got := nfc(p[0]); got != p[1] {
			t.Errorf("%+q: %+q, want %+q", p[0], got, p[1])
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	tok := smol(b)
	all := readReference(b)
	var prose strings.Builder // the strings as they come, without the long runs
	for _, r := range all {
		if len(r.text) < 2000 {
			prose.WriteString(r.text)
			prose.WriteByte('\n')
		}
	}
	for _, bb := range []struct{ name, text string }{
		{"prose", strings.Repeat("The weather today is mild, with some clouds in the north; it won't rain before 17:30.\n", 1000)},
		{"difficult", prose.String()},
		{"run", strings.Repeat("a", 5_000)},
		{"spaces", strings.Repeat(" ", 5_000)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.SetBytes(int64(len(bb.text)))
			for b.Loop() {
				tok.Encode(bb.text)
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	s := smolSpec(b)
	for b.Loop() {
		if _, err := New(s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	tok := smol(b)
	ids := tok.Encode(strings.Repeat("The weather today is mild, with some clouds in the north.\n", 1000))
	b.SetBytes(int64(len(tok.Decode(ids))))
	for b.Loop() {
		tok.Decode(ids)
	}
}
