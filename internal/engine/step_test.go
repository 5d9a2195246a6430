package engine_test

import (
	"testing"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/testmodel"
	"tinsmith.example/internal/tinymodel"
)

// TestStepsAddUpToTheWork counts the steps of one prompt of 40 tokens with 3
// samples of 5, cut into steps of 16 tokens: what the steps say they did is
// what the request needs, and nothing else.
func TestStepsAddUpToTheWork(t *testing.T) {
	var steps []engine.StepStats // written by the engine's goroutine, read once it has ended
	e, err := engine.Open(testmodel.Tiny(t, tinymodel.Options{}), engine.Options{
		Threads: 1, StepTokens: 16, OnStep: func(s engine.StepStats) { steps = append(steps, s) },
	})
	if err != nil {
		t.Fatal(err)
	}
	prompt := make([]int32, 40)
	for i := range prompt {
		prompt[i] = int32(100 + i)
	}
	sample(t, e, &engine.Request{Prompt: prompt, NumSamples: 3, MaxTokens: 5, TopP: 1, Stop: engine.Stop{IgnoreEOS: true}})
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	var sum engine.StepStats
	for _, s := range steps {
		if s.Duration <= 0 {
			t.Errorf("a step took %v", s.Duration)
		}
		sum.Tokens += s.Tokens
		sum.PromptTokens += s.PromptTokens
		sum.Logits += s.Logits
		sum.Seen += s.Seen
	}
	// The first of the 5 tokens comes with the prompt's last step.
	want := engine.StepStats{
		Tokens:       40 + 3*4,
		PromptTokens: 40,
		Logits:       1 + 3*4,
		Seen:         40*41/2 + 3*(41+42+43+44),
	}
	if sum != want {
		t.Errorf("got %+v, want %+v", sum, want)
	}
	// The first 32 positions are in one block that the samples share; each has
	// one of its own for the others.
	if last := steps[len(steps)-1]; last.Blocks != 1+3 {
		t.Errorf("the last step saw %d blocks, want 4", last.Blocks)
	}
}

// TestWorkIsTheModels holds Info.Work against the tiny model's shape.
func TestWorkIsTheModels(t *testing.T) {
	const (
		dim, ffn, layers = tinymodel.Dim, tinymodel.HiddenDim, tinymodel.Layers
		kv               = tinymodel.KVHeads * tinymodel.HeadDim
		weights          = layers * (2*dim*dim + 2*dim*kv + 3*dim*ffn) // q and o, k and v, gate, up and down
		padded           = (tinymodel.VocabSize + 15) / 16 * 16
	)
	info := open(t, testmodel.Tiny(t, tinymodel.Options{}), engine.Options{Threads: 1}).Info()
	want := engine.Work{
		LayerBytes:     2 * weights, // bf16
		LayerProducts:  2 * weights, // two planes
		OutputBytes:    2 * dim * padded,
		OutputProducts: 2 * dim * tinymodel.VocabSize,
		SeenProducts:   layers * tinymodel.Heads * 2 * 3 * tinymodel.HeadDim,
		BlockBytes:     info.Work.BlockBytes, // the kernels' layout, which package kernel tests
	}
	if info.Work != want {
		t.Errorf("got %+v, want %+v", info.Work, want)
	}
}
