package receipt

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tinsmith.example/internal/wire"
)

// random makes a receipt of whatever the API can ask and answer.
func random(r *rand.Rand) *Receipt {
	logprobs := func(n int) []float32 {
		list := make([]float32, n)
		for i := range list {
			list[i] = -r.Float32() * float32(r.IntN(20))
			if r.IntN(8) == 0 {
				list[i] = float32(math.NaN())
			}
		}
		return list
	}
	ids := func(n int) []int32 {
		list := make([]int32, n)
		for i := range list {
			list[i] = r.Int32N(1 << 18)
		}
		return list
	}
	top := func(k, n int) *wire.TopK {
		t := &wire.TopK{K: k, Rows: make([][]wire.TokenLogprob, n)}
		for i := range t.Rows {
			if r.IntN(4) > 0 {
				for _, id := range ids(1 + r.IntN(k)) {
					t.Rows[i] = append(t.Rows[i], wire.TokenLogprob{Token: id, Logprob: -r.Float32()})
				}
			}
		}
		return t
	}
	prompt := 2 + r.IntN(6)
	q := &wire.SampleRequest{
		NumSamples: new(1 + r.IntN(3)),
		Prompt:     wire.ModelInput{Chunks: []wire.Chunk{wire.TextChunk(ids(prompt))}},
		SamplingParams: wire.SamplingParams{
			MaxTokens: new(1 + r.IntN(9)), Temperature: new(r.Float64()), TopK: new(-1 + r.IntN(50)), TopP: new(1 - r.Float64()),
		},
		PromptLogprobs:     r.IntN(2) == 0,
		TopKPromptLogprobs: r.IntN(3),
		TopKSampleLogprobs: r.IntN(3),
	}
	if r.IntN(2) == 0 {
		q.SamplingParams.MinP = new(1 - r.Float64())
	}
	if r.IntN(2) == 0 {
		q.SamplingParams.Stop = wire.Stop{Kind: wire.StopTexts, Texts: []string{"\n", "\u2028é"}}
	}
	a := &wire.SampleResponse{}
	for range *q.NumSamples {
		n := 1 + r.IntN(5)
		s := wire.Sequence{StopReason: wire.StopReasonStop, Tokens: ids(n), Logprobs: logprobs(n)}
		if k := q.TopKSampleLogprobs; k > 0 {
			s.TopK = top(k, n)
		}
		a.Sequences = append(a.Sequences, s)
	}
	if q.PromptLogprobs {
		a.PromptLogprobs = logprobs(prompt)
	}
	if k := q.TopKPromptLogprobs; k > 0 {
		a.TopKPromptLogprobs = top(k, prompt)
	}
	if r.IntN(2) == 0 {
		q.TargetPromptLogprobs = &wire.Tensor{DType: wire.Int64, Ints: []int64{5, -1}, Shape: []int64{2, 1}}
		a.TargetPromptLogprobs = &wire.Tensor{DType: wire.Float32, Floats: logprobs(2), Shape: []int64{2, 1}}
		if r.IntN(2) == 0 {
			sparse := func(t *wire.Tensor) {
				t.Shape, t.CrowIndices, t.ColIndices = []int64{2, 7}, []int64{0, 0, 2}, []int64{1, 6}
			}
			sparse(q.TargetPromptLogprobs)
			sparse(a.TargetPromptLogprobs)
		}
	}
	if r.IntN(2) == 0 {
		q.PromptAltTokensK = 2
		shape := []int64{int64(prompt - 1), 2}
		a.PromptAltTokens = &wire.PromptAltTokens{
			Tokens:   &wire.Tensor{DType: wire.Int64, Shape: shape},
			Logprobs: &wire.Tensor{DType: wire.Float32, Shape: shape, Floats: logprobs(2 * (prompt - 1))},
		}
		for _, id := range ids(2 * (prompt - 1)) {
			a.PromptAltTokens.Tokens.Ints = append(a.PromptAltTokens.Tokens.Ints, int64(id))
		}
	}
	out := &Receipt{
		Arithmetic: 1 + r.IntN(3), Model: File{"my/model", fmt.Sprintf("%064x", r.Uint64())},
		Request: q, Seed: int64(r.Uint64()), Result: a,
	}
	if r.IntN(2) == 0 {
		out.Adapter = &File{"my/adapter", fmt.Sprintf("%064x", r.Uint64())}
	}
	return out
}

func encode(t testing.TB, r *Receipt) []byte {
	t.Helper()
	b, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parse(t testing.TB, b []byte) *Receipt {
	t.Helper()
	r, err := Parse(b)
	if err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return r
}

// equalBits compares everything, floats by their bits and NaN as one value.
var equalBits = cmp.Comparer(func(a, b float32) bool { return sameBits(a, b) })

func TestReceiptsReadBackToTheBit(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 7))
	for range 300 {
		want := random(r)
		b := encode(t, want)
		got := parse(t, b)
		if diff := cmp.Diff(want, got, equalBits); diff != "" {
			t.Fatalf("%s\nwas read with differences:\n%s", b, diff)
		}
		if d := Compare(want, got); d != nil {
			t.Fatalf("%s\nwas read with differences %v", b, d)
		}
		if again := encode(t, got); !bytes.Equal(b, again) {
			t.Fatalf("%s\nwas written again as\n%s", b, again)
		}
	}
}

// A place is one value of a receipt, which change replaces by another.
type place struct {
	part, path string
	change     func()
}

// places are all values of r that a receipt exists to hold.
func places(r *Receipt) []place {
	var list []place
	add := func(part, path string, change func()) { list = append(list, place{part, path, change}) }
	floats := func(part, path string, l []float32) {
		for i := range l {
			add(part, fmt.Sprintf("%s[%d]", path, i), func() {
				if l[i] != l[i] {
					l[i] = 0
				} else {
					l[i] = math.Float32frombits(math.Float32bits(l[i]) ^ 1)
				}
			})
		}
	}
	rows := func(part, path string, t *wire.TopK) {
		if t == nil {
			return
		}
		for i, row := range t.Rows {
			for j := range row {
				at := fmt.Sprintf("%s[%d][%d]", path, i, j)
				add(part, at, func() { row[j].Token ^= 1 })
				add(part, at, func() { row[j].Logprob = math.Float32frombits(math.Float32bits(row[j].Logprob) ^ 1) })
			}
		}
	}
	add(PartArithmetic, "arithmetic", func() { r.Arithmetic++ })
	add(PartModel, "model.sha256", func() { r.Model.SHA256 = strings.Repeat("f", 64) })
	add(PartAdapter, "adapter", func() {
		if r.Adapter == nil {
			r.Adapter = &File{SHA256: strings.Repeat("f", 64)}
		} else {
			r.Adapter = nil
		}
	})
	add(PartSeed, "seed", func() { r.Seed ^= math.MinInt64 })
	q := r.Request
	add(PartRequest, "request.num_samples", func() { *q.NumSamples++ })
	add(PartRequest, "request.sampling_params.top_p", func() { *q.SamplingParams.TopP /= 2 })
	for i := range q.Prompt.Chunks[0].Tokens {
		add(PartRequest, fmt.Sprintf("request.prompt.chunks[0].tokens[%d]", i), func() { q.Prompt.Chunks[0].Tokens[i]++ })
	}
	add(PartRequest, fmt.Sprintf("request.prompt.chunks[0].tokens[%d]", len(q.Prompt.Chunks[0].Tokens)), func() {
		q.Prompt.Chunks[0].Tokens = append(q.Prompt.Chunks[0].Tokens, 7)
	})
	a := r.Result
	for i := range a.Sequences {
		s := &a.Sequences[i]
		path := fmt.Sprintf("result.sequences[%d]", i)
		for j := range s.Tokens {
			add(PartTokens, fmt.Sprintf("%s.tokens[%d]", path, j), func() { s.Tokens[j] ^= 1 })
		}
		add(PartStopReason, path+".stop_reason", func() { s.StopReason = wire.StopReasonLength })
		floats(PartLogprobs, path+".logprobs", s.Logprobs)
		rows(PartTopKLogprobs, path+".topk_logprobs", s.TopK)
	}
	add(PartTokens, fmt.Sprintf("result.sequences[%d]", len(a.Sequences)-1), func() { a.Sequences = a.Sequences[:len(a.Sequences)-1] })
	floats(PartPromptLogprobs, "result.prompt_logprobs", a.PromptLogprobs)
	rows(PartTopKPromptLogprobs, "result.topk_prompt_logprobs", a.TopKPromptLogprobs)
	if t := a.TargetPromptLogprobs; t != nil {
		floats(PartTargetPromptLogprobs, "result.target_prompt_logprobs.bits", t.Floats)
	}
	if t := a.PromptAltTokens; t != nil {
		for i := range t.Tokens.Ints {
			add(PartPromptAltTokens, fmt.Sprintf("result.prompt_alt_tokens.tokens.ints[%d]", i), func() { t.Tokens.Ints[i] ^= 1 })
		}
		floats(PartPromptAltTokens, "result.prompt_alt_tokens.logprobs.bits", t.Logprobs.Floats)
	}
	return list
}

// TestCompareFindsEveryChange: whatever one value is changed, Compare finds that
// one and says where it is.
func TestCompareFindsEveryChange(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	for range 30 {
		original := random(r)
		b := encode(t, original)
		for i, p := range places(parse(t, b)) {
			changed := parse(t, b)
			places(changed)[i].change()
			for _, d := range [][]Difference{Compare(original, changed), Compare(changed, original)} {
				if len(d) != 1 || d[0].Part != p.part || d[0].Path != p.path || d[0].A == d[0].B {
					t.Fatalf("%s was changed, found %+v", p.path, d)
				}
			}
		}
	}
}

// TestCompareKeepsTheOrder: of many changes all parts are told, first the causes,
// each with its first place.
func TestCompareKeepsTheOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 30 {
		b := encode(t, random(r))
		changed := parse(t, b)
		first := map[string]string{}
		all := places(changed)
		for i := len(all) - 1; i >= 0; i-- {
			if strings.HasSuffix(all[i].path, "]") && all[i].part == PartRequest || strings.HasPrefix(all[i].path, "result.sequences[") && strings.Count(all[i].path, "[") == 1 && all[i].part == PartTokens {
				continue // changes of a list's length change what is behind it
			}
			if r.IntN(2) == 0 {
				all[i].change()
				first[all[i].part] = all[i].path
			}
		}
		at := -1
		for _, d := range Compare(parse(t, b), changed) {
			i := slices.Index(parts, d.Part)
			if i <= at || first[d.Part] != d.Path {
				t.Errorf("difference %+v, want the first in %q, after part %d", d, first[d.Part], at)
			}
			at = i
			delete(first, d.Part)
			if d.InAnswer() != (i >= 5) {
				t.Errorf("InAnswer of %s is %v", d.Part, d.InAnswer())
			}
		}
		if len(first) > 0 {
			t.Errorf("not found: %v", first)
		}
	}
}

// TestNothingOfAnAnswerIsForgotten: whoever adds a field to the wire's messages
// has to decide whether receipts hold it.
func TestNothingOfAnAnswerIsForgotten(t *testing.T) {
	for _, tt := range []struct {
		message any
		fields  string
	}{
		{wire.SampleResponse{}, "Sequences PromptLogprobs TopKPromptLogprobs PromptCacheHitTokens TargetPromptLogprobs PromptAltTokens"},
		{wire.Sequence{}, "StopReason Tokens Logprobs TopK"},
		{wire.TopK{}, "K Rows"},
		{wire.TokenLogprob{}, "Token Logprob"},
		{wire.PromptAltTokens{}, "Tokens Logprobs"},
		{wire.Tensor{}, "DType Ints Floats Shape CrowIndices ColIndices"},
	} {
		var fields []string
		for f := range reflect.TypeOf(tt.message).Fields() {
			fields = append(fields, f.Name)
		}
		if got := strings.Join(fields, " "); got != tt.fields {
			t.Errorf("%T has the fields %s; receipts know %s", tt.message, got, tt.fields)
		}
	}
}

const small = `{"version":1,"arithmetic":1,"model":{"name":"m","sha256":"SUM"},"adapter":null,"seed":"-9223372036854775808",` +
	`"request":{"num_samples":1,"prompt":{"chunks":[{"tokens":[5,6],"type":"encoded_text"}]},` +
	`"sampling_params":{"max_tokens":2,"temperature":1,"top_k":-1,"top_p":1},"prompt_logprobs":true,"topk_prompt_logprobs":1,` +
	`"topk_sample_logprobs":0,"prompt_alt_tokens_k":0,"record_stability_info":false},` +
	`"result":{"sequences":[{"stop_reason":"length","tokens":[7,8],"logprobs":["bf000000","c0000001"]}],` +
	`"prompt_logprobs":[null,"80000000"],"topk_prompt_logprobs":[null,[[9,"be800000"]]]}}`

var smallReceipt = strings.Replace(small, "SUM", strings.Repeat("0a", 32), 1)

// TestTheFormIsWhatThePageSays reads and writes the form by hand.
func TestTheFormIsWhatThePageSays(t *testing.T) {
	r := parse(t, []byte(smallReceipt))
	if got := string(encode(t, r)); got != smallReceipt+"\n" {
		t.Errorf("written again as\n%s\nwant\n%s", got, smallReceipt)
	}
	a := r.Result
	if r.Seed != math.MinInt64 || a.Sequences[0].Logprobs[0] != -0.5 || math.Float32bits(a.Sequences[0].Logprobs[1]) != 0xc0000001 ||
		math.Float32bits(a.PromptLogprobs[1]) != 0x80000000 || a.PromptLogprobs[0] == a.PromptLogprobs[0] || a.TopKPromptLogprobs.Rows[1][0].Logprob != -0.25 {
		t.Errorf("read %+v", r)
	}
	if tokens, logprobs := r.Counts(); tokens != 2 || logprobs != 4 {
		t.Errorf("counted %d tokens and %d log probabilities", tokens, logprobs)
	}
}

func TestWhatIsNoReceiptIsRefusedByName(t *testing.T) {
	for _, tt := range []struct{ old, new, want string }{
		{`"version":1`, `"version":2`, "version 2"},
		{`"version":1,`, ``, "no version"},
		{`"arithmetic":1`, `"arithmetic":0`, "arithmetic: is 0"},
		{`"arithmetic":1`, `"arithmetic":1,"colour":"red"`, "colour"},
		{`"seed":"-9223372036854775808"`, `"seed":"9223372036854775808"`, "seed"},
		{`"seed":"-9223372036854775808"`, `"seed":"+1"`, "seed"},
		{`"seed":"-9223372036854775808"`, `"seed":1`, "seed"},
		{`"0a0a`, `"0A0A`, "model.sha256"},
		{`"adapter":null`, `"adapter":{"name":"a","sha256":""}`, "adapter.sha256"},
		{`"num_samples":1,`, ``, "request.num_samples: is missing"},
		{`"num_samples":1,`, `"num_samples":1,"seq_id":0,`, "request.seq_id"},
		{`"max_tokens":2,`, `"max_tokens":2,"seed":1,`, "request.sampling_params.seed"},
		{`"max_tokens":2,`, `"max_tokens":2,"min_p":0,`, "request.sampling_params.min_p"},
		{`"num_samples":1,`, `"num_samples":1,"n":0,`, "request.n"},
		{`"max_tokens":2,`, ``, "request.sampling_params.max_tokens: is missing"},
		{`"type":"encoded_text"`, `"type":"encoded_text","x":1`, "chunks[0].x"},
		{`"bf000000"`, `"bf00000"`, "result.sequences[0].logprobs"},
		{`"bf000000"`, `"BF000000"`, "result.sequences[0].logprobs"},
		{`"bf000000"`, `-0.5`, "result.sequences[0].logprobs"},
		{`"bf000000"`, `"ffc00000"`, "not a number"},
		{`"bf000000",`, ``, "2 tokens and 1 log probabilities"},
		{`"stop_reason":"length"`, `"stop_reason":"eos"`, "stop_reason"},
		{`"topk_prompt_logprobs":1`, `"topk_prompt_logprobs":0`, "does not ask for it"},
		{`"sequences":[`, `"sequences":[` + strings.Repeat("{},", maxSequences), "result.sequences"},
		{`"stop_reason":"length"`, `"stop_reason":"length","text":""`, "result.sequences[0].text"},
		{`[[9,"be800000"]]`, `[[9]]`, "topk_prompt_logprobs"},
		{`[[9,"be800000"]]`, `[[9,"be800000",1]]`, "topk_prompt_logprobs"},
		{`[[9,"be800000"]]`, `[[2147483648,"be800000"]]`, "token id"},
		{`"result":{`, `"result":{"target_prompt_logprobs":{"dtype":"float32","shape":[2,3],"bits":["00000000"]},`, "6 cells"},
		{`"result":{`, `"result":{"target_prompt_logprobs":{"dtype":"float32","shape":[9223372036854775807,9],"bits":[]},`, "too many cells"},
		{`"result":{`, `"result":{"prompt_alt_tokens":{"tokens":null,"logprobs":null},`, "prompt_alt_tokens"},
		{smallReceipt, `{}`, "not a receipt"},
		{smallReceipt, `[1]`, "an object"},
		{smallReceipt, ``, "too early"},
		{smallReceipt, smallReceipt + smallReceipt, "after"},
	} {
		text := strings.Replace(smallReceipt, tt.old, tt.new, 1)
		if text == smallReceipt {
			t.Fatalf("%s is not in the receipt", tt.old)
		}
		_, err := Parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s in place of %s: %v, want one about %q", tt.new, tt.old, err, tt.want)
			continue
		}
		_, format := errors.AsType[*FormatError](err)
		_, version := errors.AsType[*VersionError](err)
		if !format && !version {
			t.Errorf("%v is a %T", err, err)
		}
	}
	if _, err := Parse(make([]byte, MaxBytes+1)); err == nil || !strings.Contains(err.Error(), "bytes") {
		t.Errorf("a file that is too large: %v", err)
	}
}

// FuzzParse: whatever is read is written, and read again as the same; and
// comparing it fails on nothing.
func FuzzParse(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	f.Add([]byte(smallReceipt))
	for range 20 {
		f.Add(encode(f, random(r)))
	}
	other := parse(f, []byte(smallReceipt))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Parse(data)
		if err != nil {
			return
		}
		r.Counts()
		Compare(r, other)
		Compare(other, r)
		b := encode(t, r)
		again := parse(t, b)
		if d := Compare(r, again); d != nil {
			t.Fatalf("%q was written and read with differences %+v", data, d)
		}
		if b2 := encode(t, again); !bytes.Equal(b, b2) {
			t.Fatalf("%q was written as %s and then as %s", data, b, b2)
		}
	})
}
