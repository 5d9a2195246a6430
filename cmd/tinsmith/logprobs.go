package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"

	"tinsmith.example/tinker"
)

type logprobsCommand struct {
	textFlags
	connectFlags
	receiptFlags

	JSON bool `name:"json" help:"Print one JSON object, as docs/cli.md describes it."`
}

// Help is the second part of the subcommand's --help.
func (*logprobsCommand) Help() string {
	return `Examples:
  tinsmith logprobs "The capital of France is Paris."
  tinsmith logprobs --json --file essay.txt
  git log -1 --format=%B | tinsmith logprobs
  tinsmith logprobs --receipt answer.json "Hello"
  tinsmith verify answer.json

The first token has no log probability: nothing comes before it. On a terminal
the colour of a row shows how likely its token was; NO_COLOR turns that off.`
}

func (c *logprobsCommand) Run(ctx context.Context, std *stdio) error {
	std.quiet = c.Quiet
	return inTime(ctx, c.Timeout, func(ctx context.Context) error { return c.run(ctx, std) })
}

func (c *logprobsCommand) run(ctx context.Context, std *stdio) error {
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

	// This is ComputeLogprobs, with the response that a receipt is made for.
	ids := s.tokens.Encode(text)
	response, err := s.client.Sample(ctx, &tinker.SampleRequest{
		Prompt: tinker.FromTokens(ids), Params: tinker.SamplingParams{MaxTokens: 1}, PromptLogprobs: true,
	})
	if err != nil {
		return tooLong(err, false)
	}
	noReceipt := receipt.write(ctx, s, response)
	logprobs := response.PromptLogprobs
	result := newLogprobsResult(s, text, ids, logprobs)
	if c.JSON {
		return cmp.Or(std.printJSON(result), noReceipt)
	}
	rows := make([]scoredToken, len(ids))
	for i, id := range ids {
		rows[i] = scoredToken{id, result.TokenTexts[i], logprobs[i]}
	}
	w := bufio.NewWriter(std.out)
	writeTokens(w, rows, 0, std.colour())
	if result.Mean != nil {
		fmt.Fprintf(w, "\nsum %.5f  mean %.5f  perplexity %.4f  tokens %d\n", result.Sum, *result.Mean, *result.Perplexity, len(ids))
	}
	return cmp.Or(w.Flush(), noReceipt)
}
