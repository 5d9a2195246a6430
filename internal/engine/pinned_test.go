package engine_test

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/testmodel"
	"tinsmith.example/internal/tinymodel"
)

// pinnedAnswers is the hash of the answers below. Should they change on purpose,
// then seeds no longer give what they gave, and the changelog must say so.
const pinnedAnswers = "914c3c6bd31a83b32aae8022876de11a"

// TestAnswersArePinned holds whole answers (tokens, log probabilities, top-k, by
// bits) against a hash that was committed once. So every machine, architecture
// and level of package cpu that runs this test has given the same answers.
func TestAnswersArePinned(t *testing.T) {
	e := open(t, testmodel.Tiny(t, tinymodel.Options{Seed: 8}), engine.Options{})
	if want := os.Getenv("TINSMITH_CPU_EXPECT"); want != "" && e.Info().Kernels != want {
		t.Errorf("the kernels that run are %s, expected %s", e.Info().Kernels, want)
	}
	h := sha256.New()
	for _, q := range requests(rand.New(rand.NewPCG(2026, 11)), 8, tinymodel.VocabSize, 300) {
		fmt.Fprintln(h, bits(sample(t, e, q)))
	}
	if got := fmt.Sprintf("%x", h.Sum(nil)[:16]); got != pinnedAnswers {
		t.Errorf("the answers' hash is %s on %s kernels, pinned %s", got, e.Info().Kernels, pinnedAnswers)
	}
}
