package machine

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"tinsmith.example/internal/cpu"
)

// TestReadingReadsEveryWord holds the loop that reads against its twin: a word
// that it left out would be missing in the result.
func TestReadingReadsEveryWord(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const round = roundBytes / 8
	for _, rounds := range []int{0, 1, 2, 3, 17} {
		for offset := range 4 { // unaligned starts
			words := make([]uint64, offset+rounds*round+1) // one more, which is none of its business
			for i := range words {
				words[i] = r.Uint64()
			}
			words = words[offset : offset+rounds*round]
			if got, want := xor(words), xorGeneric(words); got != want {
				t.Errorf("%d rounds from word %d: got %#x, want %#x", rounds, offset, got, want)
			}
			if rounds == 0 {
				continue
			}
			for i := range words {
				before := xor(words)
				words[i] ^= 1
				if xor(words) != before^1 {
					t.Fatalf("%d rounds from word %d: word %d is not read", rounds, offset, i)
				}
			}
		}
	}
}

// TestMultiplyingMakesTheProducts holds what a loop returns, a sum of ones,
// against the products that it is said to make.
func TestMultiplyingMakesTheProducts(t *testing.T) {
	for _, level := range cpu.Levels() {
		m, err := multiplierOf(level.String())
		if err != nil {
			t.Error(err)
			continue
		}
		checkProducts(t, m)
	}
}

func checkProducts(t *testing.T, m *multiplier) {
	t.Helper()
	for _, rounds := range []int{1, 2, 1000} {
		sum := m.loop(uintptr(rounds))
		if got, want := float64(sum)*float64(m.lanes), m.products(rounds); got != want {
			t.Errorf("%s, %d rounds: the sums of %d lanes have %v products, want %v", m.instruction, rounds, m.lanes, got, want)
		}
	}
}

func TestUnknownKernelsAreRefused(t *testing.T) {
	if _, err := multiplierOf("abacus"); err == nil {
		t.Error("abacus: no error")
	}
}

// TestRateCountsAllWorkers: every worker works, and the rate is that of all.
func TestRateCountsAllWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const threads = 3
		var calls [threads]int // each worker its own; passes do not overlap
		rate, err := Rate(t.Context(), threads, func(w int) float64 {
			calls[w]++
			time.Sleep(passTime / 5)
			return 2
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := [threads]int{5 * passes, 5 * passes, 5 * passes}; calls != want {
			t.Errorf("the workers were called %v times, want %v", calls, want)
		}
		if want := threads * 2 / (passTime / 5).Seconds(); math.Abs(rate-want) > want/1e6 {
			t.Errorf("%v units/s, want %v", rate, want)
		}
	})
}

func TestRateEndsWithItsContext(t *testing.T) {
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := Rate(ctx, 1, func(int) float64 { cancel(enough); return 1 })
	if !errors.Is(err, enough) {
		t.Errorf("got %v, want %v", err, enough)
	}
}
