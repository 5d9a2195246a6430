package machine

import (
	"context"
	"fmt"
)

// roundInstructions is how many instructions a round of a multiply loop has, most
// with an accumulator each: enough that none waits for the one before.
const roundInstructions = 14

// multiplyRounds is what one call does, which cannot be preempted where it is
// assembly: at most 100 µs, and 5 where an instruction takes one cycle.
const multiplyRounds = 1000

// A multiplier is a loop that does nothing but multiply and add.
type multiplier struct {
	instruction string
	lanes       int // sums of an accumulator
	perLane     int // products that an instruction adds to each
	// loop does rounds of roundInstructions on ones, and returns the sum of one
	// lane over the accumulators.
	loop func(rounds uintptr) float32
}

// products is how many products a call of loop makes.
func (m *multiplier) products(rounds int) float64 {
	return float64(rounds) * float64(roundInstructions) * float64(m.lanes) * float64(m.perLane)
}

// portable is the loop of the portable kernels.
var portable = multiplier{"float32 multiply and add of Go", 1, 1, multiplyGeneric}

func multiplierOf(kernels string) (*multiplier, error) {
	if kernels == "portable" {
		return &portable, nil
	}
	m, ok := multipliers[kernels]
	if !ok {
		return nil, fmt.Errorf("machine: no loop measures the products of the %s kernels", kernels)
	}
	return &m, nil
}

// MultiplyRate is how many products per second threads goroutines make
// together with the innermost instruction of the kernels of that name (cpu.Level's),
// which it names, too.
func MultiplyRate(ctx context.Context, threads int, kernels string) (rate float64, instruction string, err error) {
	m, err := multiplierOf(kernels)
	if err != nil {
		return 0, "", err
	}
	rate, err = Rate(ctx, threads, func(int) float64 {
		m.loop(multiplyRounds)
		return m.products(multiplyRounds)
	})
	return rate, m.instruction, err
}

// multiplyGeneric rounds each product before it is added, as the portable
// kernels do.
func multiplyGeneric(rounds uintptr) float32 {
	var a, b, c, d, e, f, g float32
	var h, i, j, k, l, m, n float32
	w, x := &ones, ones[0]
	for ; rounds > 0; rounds-- {
		a += float32(x * w[0])
		b += float32(x * w[1])
		c += float32(x * w[2])
		d += float32(x * w[3])
		e += float32(x * w[4])
		f += float32(x * w[5])
		g += float32(x * w[6])
		h += float32(x * w[7])
		i += float32(x * w[8])
		j += float32(x * w[9])
		k += float32(x * w[10])
		l += float32(x * w[11])
		m += float32(x * w[12])
		n += float32(x * w[13])
	}
	return a + b + c + d + e + f + g + h + i + j + k + l + m + n
}

// ones are variables, so that the compiler neither knows a product nor takes
// one for another.
var ones = [roundInstructions]float32{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}
