package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"

	"tinsmith.example/tinker"
)

type sampleCommand struct {
	textFlags
	connectFlags
	receiptFlags

	N           int      `name:"num-samples" short:"n" default:"1" help:"How many samples to draw."`
	MaxTokens   int      `default:"64" help:"The most tokens that a sample may get."`
	Temperature float64  `default:"1" help:"Divides the logits; 0 always takes the likeliest token."`
	TopK        int      `default:"0" help:"Draw among that many likeliest tokens; 0: among all."`
	TopP        float64  `default:"1" help:"Draw among the likeliest tokens that reach this probability together."`
	MinP        float64  `default:"0" help:"Drop tokens that are less likely than this part of the likeliest one; 0: none. Servers other than tinsmith's may not know it."`
	Seed        *seed    `help:"Gives the same samples again. Without it one is drawn, and printed."`
	Stop        []string `sep:"none" help:"A text that ends a sample, which then includes it. Repeatable."`
	NoStop      bool     `help:"Do not stop at the model's own end of a sequence."`
	Chat        bool     `help:"Take the text for a user's message, by the model's chat template, and print the answer only."`
	Logprobs    bool     `help:"Print a table of the sampled tokens with their log probabilities, too."`
	JSON        bool     `name:"json" help:"Print one JSON object, as docs/cli.md describes it."`
}

// Help is the second part of the subcommand's --help.
func (*sampleCommand) Help() string {
	return `Examples:
  tinsmith sample "The weather today is"
  tinsmith sample -n 4 --temperature 0.7 --seed 1 "Once upon a time"
  tinsmith sample --chat "Why is the sky blue?"
  tinsmith sample --json --max-tokens 8 --file prompt.txt
  echo "Dear Sir or Madam," | tinsmith sample --stop "Yours" --logprobs
  tinsmith sample --base-url http://127.0.0.1:8731 --timeout 1m "Hello"
  tinsmith sample --receipt answer.json "Hello"
  tinsmith verify answer.json

Without --base-url the model runs in this process, and is fetched on first use.
The same seed, text and flags give the same samples, on every machine.`
}

// Validate refuses before a model is fetched or loaded what no server accepts.
func (c *sampleCommand) Validate() error {
	if err := c.connectFlags.Validate(); err != nil {
		return err
	}
	switch {
	case c.N < 1 || c.N > 1024:
		return fmt.Errorf("-n %d: must be 1 to 1024", c.N)
	case c.MaxTokens < 1:
		return fmt.Errorf("--max-tokens %d: must be at least 1", c.MaxTokens)
	case !(c.Temperature >= 0) || math.IsInf(c.Temperature, 0):
		return fmt.Errorf("--temperature %v: must be finite and at least 0", c.Temperature)
	case c.TopK < 0:
		return fmt.Errorf("--top-k %d: must be at least 0, where 0 means all", c.TopK)
	case !(c.TopP > 0 && c.TopP <= 1):
		return fmt.Errorf("--top-p %v: must be above 0 and at most 1", c.TopP)
	case !(c.MinP >= 0 && c.MinP <= 1):
		return fmt.Errorf("--min-p %v: must be at least 0 and at most 1", c.MinP)
	case c.NoStop && len(c.Stop) > 0:
		return errors.New("--stop and --no-stop exclude each other")
	}
	for _, s := range c.Stop {
		if s == "" {
			return errors.New("--stop: the text is empty")
		}
	}
	return nil
}

func (c *sampleCommand) Run(ctx context.Context, std *stdio) error {
	std.quiet = c.Quiet
	return inTime(ctx, c.Timeout, func(ctx context.Context) error { return c.run(ctx, std) })
}

func (c *sampleCommand) run(ctx context.Context, std *stdio) error {
	text, err := c.read(ctx, std)
	if err != nil {
		return err
	}
	receipt, err := c.openReceipt()
	if err != nil {
		return err
	}
	defer receipt.discard()
	s, err := connect(ctx, std, &c.connectFlags)
	if err != nil {
		return err
	}
	defer s.close(ctx)

	rendered := text
	if c.Chat {
		if rendered, err = s.tokens.RenderChat([]tinker.Message{{Role: "user", Content: text}}, true); err != nil {
			return err
		}
	}
	seed := c.seedOrNew()
	request := c.request(s.tokens.Encode(rendered), seed)
	response, err := s.client.Sample(ctx, request)
	if err != nil {
		return tooLong(err, true)
	}
	// Whether there is a receipt does not decide whether there are samples.
	noReceipt := receipt.write(ctx, s, response)
	result := newSampleResult(s, request, response, rendered, seed)
	if c.JSON {
		return cmp.Or(std.printJSON(result), noReceipt)
	}
	if c.Seed == nil && c.Temperature > 0 {
		fmt.Fprintf(std.remarks(), "seed %d\n", seed)
	}
	return cmp.Or(c.print(std, s.tokens, result), noReceipt)
}

// A seed is an int64 whose range is told to whoever misses it.
type seed int64

func (s *seed) UnmarshalText(text []byte) error {
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return fmt.Errorf("%q: must be a whole number from %d to %d", text, math.MinInt64, math.MaxInt64)
	}
	*s = seed(n)
	return nil
}

// seedOrNew is the one that was given, or a new one: short enough to be typed again.
func (c *sampleCommand) seedOrNew() int64 {
	if c.Seed != nil {
		return int64(*c.Seed)
	}
	return int64(rand.Uint32())
}

func (c *sampleCommand) request(prompt []int32, seed int64) *tinker.SampleRequest {
	r := &tinker.SampleRequest{
		Prompt:     tinker.FromTokens(prompt),
		NumSamples: c.N,
		Params: tinker.SamplingParams{
			MaxTokens:   c.MaxTokens,
			Temperature: &c.Temperature,
			TopK:        c.TopK,
			TopP:        c.TopP,
			MinP:        c.MinP,
			Seed:        &seed,
		},
		PromptLogprobs: c.JSON && c.Logprobs,
	}
	if len(c.Stop) > 0 {
		r.Params.Stop = tinker.StopStrings(c.Stop...)
	}
	if c.NoStop {
		r.Params.Stop = tinker.NoStop()
	}
	return r
}

// print writes the samples for people. A continuation stands behind its
// prompt, as one text; an answer stands alone. Several samples have a line
// between them.
func (c *sampleCommand) print(std *stdio, tokens *tinker.Tokenizer, r *sampleResult) error {
	w := bufio.NewWriter(std.out)
	for i, sample := range r.Samples {
		if len(r.Samples) > 1 {
			fmt.Fprintf(w, "--- sample %d of %d\n", i+1, len(r.Samples))
		}
		fmt.Fprintln(w, c.shown(std, r.Prompt.Text, sample.Text))
		if c.Logprobs {
			rows := make([]scoredToken, len(sample.Tokens))
			for j, id := range sample.Tokens {
				rows[j] = scoredToken{id, tokenText(tokens, id), sample.Logprobs[j]}
			}
			fmt.Fprintln(w)
			writeTokens(w, rows, len(r.Prompt.Tokens), std.colour())
		}
	}
	return w.Flush()
}

func (c *sampleCommand) shown(std *stdio, prompt, sample string) string {
	switch {
	case c.Chat:
		return strings.TrimSpace(sample)
	case std.colour():
		return "\x1b[2m" + prompt + plain + sample
	}
	return prompt + sample
}
