package main

import (
	"bufio"
	"context"
	"fmt"

	"tinsmith.example/tinker"
)

type logprobsCommand struct {
	textFlags
	connectFlags

	JSON bool `name:"json" help:"Print one JSON object, as docs/cli.md describes it."`
}

// Help is the second part of the subcommand's --help.
func (*logprobsCommand) Help() string {
	return `Examples:
  tinsmith logprobs "The capital of France is Paris."
  tinsmith logprobs --json --file essay.txt
  git log -1 --format=%B | tinsmith logprobs

The first token has no log probability: nothing comes before it. On a terminal
the colour of a row shows how likely its token was; NO_COLOR turns that off.`
}

func (c *logprobsCommand) Run(ctx context.Context, std *stdio) error {
	text, err := c.read(std)
	if err != nil {
		return err
	}
	s, err := connect(ctx, std, &c.connectFlags)
	if err != nil {
		return err
	}
	defer s.close()

	ids := s.tokens.Encode(text)
	logprobs, err := s.client.ComputeLogprobs(ctx, tinker.FromTokens(ids))
	if err != nil {
		return tooLong(err, false)
	}
	result := newLogprobsResult(s, text, ids, logprobs)
	if c.JSON {
		return std.printJSON(result)
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
	return w.Flush()
}
