package receipt

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"tinsmith.example/internal/wire"
)

// The parts of a receipt, in the order in which they are compared: first what an
// answer depends on, then the answer.
const (
	PartArithmetic = "arithmetic"
	PartModel      = "model"
	PartAdapter    = "adapter"
	PartRequest    = "request"
	PartSeed       = "seed"

	PartTokens               = "tokens"
	PartStopReason           = "stop_reason"
	PartLogprobs             = "logprobs"
	PartTopKLogprobs         = "topk_logprobs"
	PartPromptLogprobs       = "prompt_logprobs"
	PartTopKPromptLogprobs   = "topk_prompt_logprobs"
	PartTargetPromptLogprobs = "target_prompt_logprobs"
	PartPromptAltTokens      = "prompt_alt_tokens"
)

// parts are all of them, in that order.
var parts = []string{
	PartArithmetic, PartModel, PartAdapter, PartRequest, PartSeed,
	PartTokens, PartStopReason, PartLogprobs, PartTopKLogprobs,
	PartPromptLogprobs, PartTopKPromptLogprobs, PartTargetPromptLogprobs, PartPromptAltTokens,
}

// A Difference is the first place of one part in which two receipts differ.
type Difference struct {
	Part string // one of the Part constants
	Path string // of the member, such as "result.sequences[0].tokens[3]"
	A, B string // what is there; log probabilities with their value behind the bits
}

// InAnswer reports whether the difference is in the answer, and not in what the
// answer depends on.
func (d *Difference) InAnswer() bool {
	return slices.Index(parts, d.Part) >= slices.Index(parts, PartTokens)
}

// nothing is what is there where a list is shorter than the other.
const nothing = "nothing"

// Compare returns in what a and b differ, in the order of the Part constants: of
// each part the first place, where tokens and log probabilities go by sample and
// then by position. Equal receipts give nil. Names of files are not compared.
// Log probabilities are equal if their bits are, or if neither was computed.
func Compare(a, b *Receipt) []Difference {
	c := &comparison{}
	c.equal(PartArithmetic, "arithmetic", strconv.Itoa(a.Arithmetic), strconv.Itoa(b.Arithmetic))
	c.equal(PartModel, "model.sha256", a.Model.SHA256, b.Model.SHA256)
	c.equal(PartAdapter, "adapter", a.Adapter.hash(), b.Adapter.hash())
	c.request(a.Request, b.Request)
	c.equal(PartSeed, "seed", strconv.FormatInt(a.Seed, 10), strconv.FormatInt(b.Seed, 10))
	c.result(a.Result, b.Result)
	slices.SortFunc(c.found, func(d, e Difference) int { return slices.Index(parts, d.Part) - slices.Index(parts, e.Part) })
	return c.found
}

func (f *File) hash() string {
	if f == nil {
		return "null"
	}
	return f.SHA256
}

// A comparison collects differences, one per part.
type comparison struct{ found []Difference }

// differ notes a difference unless its part has one.
func (c *comparison) differ(part, path, a, b string) {
	if !slices.ContainsFunc(c.found, func(d Difference) bool { return d.Part == part }) {
		c.found = append(c.found, Difference{part, path, a, b})
	}
}

func (c *comparison) equal(part, path, a, b string) {
	if a != b {
		c.differ(part, path, a, b)
	}
}

// request compares the JSON of requests, whose members are in a fixed order.
func (c *comparison) request(a, b *wire.SampleRequest) {
	x, errx := wire.Encode(a)
	y, erry := wire.Encode(b)
	if err := cmp.Or(errx, erry); err != nil {
		panic(err) // what is in a receipt was decoded, or has been sent
	}
	if !bytes.Equal(x, y) {
		path, left, right := firstDifference(x, y)
		c.differ(PartRequest, "request"+path, left, right)
	}
}

// firstDifference finds where two JSON values differ, and what is there.
func firstDifference(x, y []byte) (path, a, b string) {
	dx, dy := jsontext.NewDecoder(bytes.NewReader(x)), jsontext.NewDecoder(bytes.NewReader(y))
	for {
		tx, errx := dx.ReadToken()
		ty, erry := dy.ReadToken()
		if errx != nil || erry != nil { // both are over
			return "", "", ""
		}
		if tx.Kind() == ty.Kind() && tx.String() == ty.String() {
			continue
		}
		at := dx
		if tx.Kind() == ']' || tx.Kind() == '}' {
			at = dy // the one is over where the other goes on
		}
		pointer := at.StackPointer()
		if isName(at) {
			pointer = pointer.Parent() // a member that only one of them has
		}
		return memberPath(pointer), described(dx, tx), described(dy, ty)
	}
}

// isName says whether the latest token is a member's name.
func isName(d *jsontext.Decoder) bool {
	kind, n := d.StackIndex(d.StackDepth())
	return kind == '{' && n%2 == 1
}

func described(d *jsontext.Decoder, t jsontext.Token) string {
	switch {
	case t.Kind() == ']' || t.Kind() == '}':
		return nothing
	case isName(d):
		return "member " + t.String()
	case t.Kind() == '"':
		return strconv.Quote(t.String())
	}
	return t.String()
}

// memberPath turns /prompt/chunks/2 into .prompt.chunks[2].
func memberPath(p jsontext.Pointer) string {
	var b strings.Builder
	for name := range p.Tokens() {
		if _, err := strconv.Atoi(name); err == nil {
			b.WriteString("[" + name + "]")
		} else {
			b.WriteString("." + name)
		}
	}
	return b.String()
}

func (c *comparison) result(a, b *wire.SampleResponse) {
	for i := range max(len(a.Sequences), len(b.Sequences)) {
		path := fmt.Sprintf("result.sequences[%d]", i)
		if i >= len(a.Sequences) || i >= len(b.Sequences) {
			c.differ(PartTokens, path, presence(i < len(a.Sequences)), presence(i < len(b.Sequences)))
			break
		}
		x, y := &a.Sequences[i], &b.Sequences[i]
		c.tokens(path+".tokens", x.Tokens, y.Tokens)
		c.equal(PartStopReason, path+".stop_reason", string(x.StopReason), string(y.StopReason))
		c.bits(PartLogprobs, path+".logprobs", x.Logprobs, y.Logprobs)
		c.table(PartTopKLogprobs, path+".topk_logprobs", tableOf(x.TopK), tableOf(y.TopK))
	}
	c.bits(PartPromptLogprobs, "result.prompt_logprobs", a.PromptLogprobs, b.PromptLogprobs)
	c.table(PartTopKPromptLogprobs, "result.topk_prompt_logprobs", tableOf(a.TopKPromptLogprobs), tableOf(b.TopKPromptLogprobs))
	c.tensor(PartTargetPromptLogprobs, "result.target_prompt_logprobs", a.TargetPromptLogprobs, b.TargetPromptLogprobs)
	const alt = "result.prompt_alt_tokens"
	switch x, y := a.PromptAltTokens, b.PromptAltTokens; {
	case (x == nil) != (y == nil):
		c.differ(PartPromptAltTokens, alt, presence(x != nil), presence(y != nil))
	case x != nil:
		c.tensor(PartPromptAltTokens, alt+".tokens", x.Tokens, y.Tokens)
		c.tensor(PartPromptAltTokens, alt+".logprobs", x.Logprobs, y.Logprobs)
	}
}

func presence(there bool) string {
	if there {
		return "something"
	}
	return nothing
}

func (c *comparison) tokens(path string, a, b []int32) {
	if i := firstUnequal(a, b, equal); i >= 0 {
		c.differ(PartTokens, fmt.Sprintf("%s[%d]", path, i), entry(a, i, tokenText), entry(b, i, tokenText))
	}
}

func (c *comparison) bits(part, path string, a, b []float32) {
	if i := firstUnequal(a, b, sameBits); i >= 0 {
		c.differ(part, fmt.Sprintf("%s[%d]", path, i), entry(a, i, bitsText), entry(b, i, bitsText))
	}
}

func (c *comparison) table(part, path string, a, b table) {
	i := firstUnequal(a, b, func(x, y []wire.TokenLogprob) bool { return firstUnequal(x, y, sameCell) < 0 })
	switch {
	case i < 0:
	case i >= len(a) || i >= len(b):
		c.differ(part, fmt.Sprintf("%s[%d]", path, i), presence(i < len(a)), presence(i < len(b)))
	default:
		j := firstUnequal(a[i], b[i], sameCell)
		c.differ(part, fmt.Sprintf("%s[%d][%d]", path, i, j), entry(a[i], j, cellText), entry(b[i], j, cellText))
	}
}

func (c *comparison) tensor(part, path string, a, b *wire.Tensor) {
	if a == nil || b == nil {
		if a != b {
			c.differ(part, path, presence(a != nil), presence(b != nil))
		}
		return
	}
	c.equal(part, path, layout(a), layout(b))
	if i := firstUnequal(a.Ints, b.Ints, equal); i >= 0 {
		c.differ(part, fmt.Sprintf("%s.ints[%d]", path, i), entry(a.Ints, i, intText), entry(b.Ints, i, intText))
	}
	c.bits(part, path+".bits", a.Floats, b.Floats)
}

// layout is where a tensor's numbers belong.
func layout(t *wire.Tensor) string {
	text := fmt.Sprintf("%s %v", t.DType, t.Shape)
	if t.Sparse() {
		text += fmt.Sprintf(" rows %v columns %v", t.CrowIndices, t.ColIndices)
	}
	return text
}

// firstUnequal is the first index at which two lists differ, which may be the
// end of the shorter one; -1 if none.
func firstUnequal[T any](a, b []T, same func(x, y T) bool) int {
	n := min(len(a), len(b))
	for i := range n {
		if !same(a[i], b[i]) {
			return i
		}
	}
	if len(a) != len(b) {
		return n
	}
	return -1
}

func equal[T comparable](x, y T) bool { return x == y }

// sameBits is equality of log probabilities. NaN is what was not computed.
func sameBits(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

func sameCell(x, y wire.TokenLogprob) bool {
	return x.Token == y.Token && sameBits(x.Logprob, y.Logprob)
}

func entry[T any](list []T, i int, text func(T) string) string {
	if i >= len(list) {
		return nothing
	}
	return text(list[i])
}

func tokenText(id int32) string { return strconv.Itoa(int(id)) }
func intText(n int64) string    { return strconv.FormatInt(n, 10) }

func bitsText(f float32) string {
	if f != f {
		return "null"
	}
	return fmt.Sprintf("%08x (%v)", math.Float32bits(f), f)
}

func cellText(c wire.TokenLogprob) string { return tokenText(c.Token) + ": " + bitsText(c.Logprob) }
