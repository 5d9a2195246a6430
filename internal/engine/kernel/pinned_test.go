package kernel

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// pinnedInput makes inputs from integers alone, so that they are the same on
// every machine: n values of a few binades around 1, some larger, some zero.
func pinnedInput(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(int32(r.Uint32())>>8) * 0x1p-22
		switch r.IntN(16) {
		case 0:
			x[i] *= 256
		case 1:
			x[i] = 0
		}
	}
	return x
}

func pinnedMatrix(t *testing.T, r *rand.Rand, f Format, n, k int) *Matrix {
	m, err := NewMatrix(f, n, k, AlignedBytes)
	if err != nil {
		t.Fatal(err)
	}
	rows := make([][]byte, n)
	for i := range rows {
		rows[i] = make([]byte, f.RawRowBytes(k))
		for j := range rows[i] {
			rows[i][j] = byte(r.Uint32())
		}
		if f.float() {
			size := f.RawRowBytes(1)
			for j := size - 1; j < len(rows[i]); j += size { // exponents of small numbers
				if f == F16Weights {
					rows[i][j] &= 0xa7
				} else {
					rows[i][j] = rows[i][j]&0x80 | 0x3c + rows[i][j]&3
				}
			}
			continue
		}
		size := f.RawRowBytes(BlockK)
		for at := 0; at < len(rows[i]); at += size {
			rows[i][at+1] = rows[i][at+1]&3 | 0x24
			if f == Q4_1 {
				rows[i][at+3] = rows[i][at+3]&0x83 | 0x24
			}
		}
	}
	for p := range m.Panels {
		if err := m.PackPanel(p, func(n int) []byte { return rows[n] }); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// pinnedOutputs computes every operation of docs/arithmetic.md.
func pinnedOutputs(t *testing.T) map[string][]float32 {
	r := rand.New(rand.NewPCG(2026, 1))
	out := map[string][]float32{}
	linearOf := func(formats ...Format) {
		for _, f := range formats {
			m := pinnedMatrix(t, r, f, 40, 576)
			x := NewPlanes(3, 576)
			for i := range 3 {
				x.Split(i, pinnedInput(r, 576))
			}
			y := make([]float32, 3*m.PaddedN())
			for p := range m.Panels {
				m.MulPanels(scratch, y, m.PaddedN(), x, 3, p, 1)
			}
			out["linear "+f.String()] = y
		}
	}
	linearOf(BF16Weights, Q8_0, Q4_0, Q4_1)

	planes := NewPlanes(1, 100)
	planes.Split(0, pinnedInput(r, 100))
	out["planes"] = append(planes.values(), planes.sums[:planes.Blocks]...)

	norm := make([]float32, 579)
	RMSNorm(norm, pinnedInput(r, 579), pinnedInput(r, 579), 1e-5)
	out["rmsnorm"] = norm

	gate := make([]float32, 579)
	SiLUMul(gate, pinnedInput(r, 579), pinnedInput(r, 579))
	out["silu gate"] = gate

	var exps []float32
	for x := float32(-88); x <= 89; x += 0.125 {
		exps = append(exps, Exp(x))
	}
	out["exp"] = exps

	rope := NewRoPE(64, 100000)
	cos, sin := make([]float32, 700*32), make([]float32, 700*32)
	for pos := range 700 {
		rope.Angles(cos[pos*32:], sin[pos*32:], pos)
	}
	rotated := pinnedInput(r, 64)
	Rotate(rotated, cos[699*32:], sin[699*32:])
	out["rope"] = slices.Concat(cos, sin, rotated)

	const positions, dim = 700, 64
	l := NewKVLayout(dim)
	keys, values := make([][]float32, positions), make([][]float32, positions)
	for i := range keys {
		keys[i], values[i] = pinnedInput(r, dim), pinnedInput(r, dim)
	}
	q := NewPlanes(6, dim)
	for i := range 6 {
		x := pinnedInput(r, dim)
		Scale(x, 0.03125)
		q.Split(i, x)
	}
	attended := make([]float32, 6*dim)
	NewAttention(l).Attend(q, 0, 6, positions-2, 3, cacheOf(l, keys, values), nil, func(i int) []float32 { return attended[i*dim:] })
	out["attention"] = attended

	logits := pinnedInput(r, 5000)
	m := Max(logits)
	sums := make([]float32, Groups(len(logits)))
	weights := make([]float32, len(logits))
	ExpSums(sums, weights, logits, m, 0.75)
	var z float64
	for _, s := range sums {
		z += float64(s)
	}
	out["log-sum-exp"] = append(append([]float32{m, float32(Log(z))}, sums...), weights...)

	stream := pinnedInput(r, 579)
	Add(stream, pinnedInput(r, 579))
	out["residual stream"] = stream

	selected := make([]float32, 2*len(logits))
	n := Gather(selected, selected[len(logits):], logits, weights, -1, 1)
	selected = append(selected[:n], selected[len(logits):][:n]...)
	for _, floor := range []float32{-2, 0, 0.5, m} {
		mass := MassFrom(logits, weights, floor, 0.001)
		selected = append(selected, float32(CountFrom(logits, floor)), float32(mass>>42), float32(mass>>21&(1<<21-1)), float32(mass&(1<<21-1)))
	}
	out["selection"] = selected

	linearOf(F16Weights, F32Weights) // last, since all inputs are of one stream
	return out
}

// TestPinned holds all outputs against hashes that were committed once: the
// arithmetic must never drift, on any level. A change here is a change of docs/arithmetic.md: UPDATE_PINNED=1 rewrites them.
func TestPinned(t *testing.T) {
	const path = "testdata/hashes.json"
	if os.Getenv("UPDATE_PINNED") != "" {
		b, err := json.MarshalIndent(pinnedHashes(t), "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]string
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	atEveryLevel(t, func(t *testing.T) {
		got := pinnedHashes(t)
		for name, h := range got {
			if want[name] != h {
				t.Errorf("%s: hash %s, pinned %s", name, h, want[name])
			}
		}
		for name := range want {
			if got[name] == "" {
				t.Errorf("%s is pinned and was not computed", name)
			}
		}
	})
}

func pinnedHashes(t *testing.T) map[string]string {
	got := map[string]string{}
	for name, x := range pinnedOutputs(t) {
		h := sha256.New()
		for _, v := range x {
			h.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
			if v != v || math.IsInf(float64(v), 0) {
				t.Errorf("%s gave %v", name, v)
			}
		}
		got[name] = hex.EncodeToString(h.Sum(nil)[:16])
	}
	return got
}
