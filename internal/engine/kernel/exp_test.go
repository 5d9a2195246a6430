package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestExpIsClose(t *testing.T) {
	for x := float32(-87); x <= 88; x += 0.00137 {
		want := math.Exp(float64(x))
		if err := math.Abs(float64(Exp(x))-want) / want; err > 1.5e-7 {
			t.Fatalf("Exp(%v) = %v, want %v: off by %g", x, Exp(x), want, err)
		}
	}
}

func TestExpAtItsEnds(t *testing.T) {
	for _, tt := range []struct{ x, want float32 }{
		{0, 1}, {float32(math.Copysign(0, -1)), 1},
		{-1e30, Exp(-87)}, {float32(math.Inf(-1)), Exp(-87)},
		{1e30, Exp(88)}, {float32(math.Inf(1)), Exp(88)},
	} {
		if got := Exp(tt.x); got != tt.want || got <= 0 || math.IsInf(float64(got), 0) {
			t.Errorf("Exp(%v) = %v, want %v", tt.x, got, tt.want)
		}
	}
	if got := Exp(float32(math.NaN())); got == got {
		t.Errorf("Exp(NaN) = %v", got)
	}
}

func TestLogIsClose(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 100000 {
		x := math.Ldexp(1+r.Float64(), r.IntN(2000)-1000)
		if got, want := Log(x), math.Log(x); math.Abs(got-want) > 4e-16*math.Max(1, math.Abs(want)) {
			t.Fatalf("Log(%v) = %v, want %v", x, got, want)
		}
	}
	for _, x := range []float64{0, -1, math.Inf(1), math.NaN()} {
		if got := Log(x); got == got {
			t.Errorf("Log(%v) = %v, want NaN", x, got)
		}
	}
}

func TestExp64AndSincosAreClose(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 100000 {
		x := r.Float64()*1000 - 500
		if got, want := exp64(x), math.Exp(x); math.Abs(got-want) > 2e-15*want {
			t.Fatalf("exp64(%v) = %v, want %v", x, got, want)
		}
		angle := float64(float32(r.Float64() * math.Pow(2, float64(r.IntN(20)))))
		sin, cos := sincos(angle)
		wantSin, wantCos := math.Sincos(angle)
		if math.Abs(sin-wantSin) > 1e-15 || math.Abs(cos-wantCos) > 1e-15 {
			t.Fatalf("sincos(%v) = %v, %v, want %v, %v", angle, sin, cos, wantSin, wantCos)
		}
	}
}
