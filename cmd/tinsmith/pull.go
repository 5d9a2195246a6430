package main

import (
	"context"
	"fmt"

	"tinsmith.example/internal/catalog"
)

type pullCommand struct {
	Model string `arg:"" optional:"" help:"A model of the catalogue, or org/name of the Hub (default: ${model})."`
}

// Help is the second part of the subcommand's --help.
func (*pullCommand) Help() string {
	return `Examples:
  tinsmith pull
  tinsmith pull HuggingFaceTB/SmolLM2-135M-Instruct
  tinsmith pull org/name:Q8_0

Prints the path of the model's file. A model that is there already is not
fetched again. TINSMITH_CACHE names the cache folder; HF_ENDPOINT, HF_TOKEN and
HF_HUB_OFFLINE mean what they mean to the Hub's own tools.`
}

func (c *pullCommand) Run(ctx context.Context, std *stdio) error {
	resolved, err := fetch(ctx, std, modelOrDefault(c.Model))
	if err != nil {
		return err
	}
	fmt.Fprintf(std.err, "%s: found in: %s\n", resolved.Name, resolved.Source)
	_, err = fmt.Fprintln(std.out, resolved.Path)
	return err
}

func modelOrDefault(name string) string {
	if name == "" {
		return catalog.DefaultModel
	}
	return name
}
