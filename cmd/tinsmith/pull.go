package main

import (
	"context"
	"fmt"
	"os"

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
fetched again, unless the checksum of a model of the catalogue is wrong. TINSMITH_CACHE names the cache folder; HF_ENDPOINT, HF_TOKEN and
HF_HUB_OFFLINE mean what they mean to the Hub's own tools.`
}

func (c *pullCommand) Run(ctx context.Context, std *stdio) error {
	name := modelOrDefault(c.Model)
	resolved, err := fetch(ctx, std, name)
	if err != nil {
		return err
	}
	damaged, err := discard(ctx, std, resolved)
	if err != nil {
		return err
	}
	if damaged {
		if resolved, err = fetch(ctx, std, name); err != nil {
			return err
		}
	}
	fmt.Fprintf(std.err, "%s: found in: %s\n", resolved.Name, resolved.Source)
	_, err = fmt.Fprintln(std.out, resolved.Path)
	return err
}

// discard removes a file of the cache whose checksum is not the catalogue's, and
// says so. Other commands look at the length alone, as this takes a moment.
func discard(ctx context.Context, std *stdio, r catalog.Resolved) (damaged bool, err error) {
	if r.Source != catalog.SourceCache || r.Model == nil {
		return false, nil
	}
	config, err := catalog.FromEnv()
	if err != nil {
		return false, err
	}
	err = catalog.New(config).Verify(ctx, catalog.Installed{Name: r.Name, Path: r.Path, Model: r.Model})
	if !is[*catalog.ChecksumError](err) {
		return false, err
	}
	fmt.Fprintf(std.err, "%s is damaged: its checksum is wrong; fetching it again\n", r.Path)
	return true, os.Remove(r.Path)
}

func modelOrDefault(name string) string {
	if name == "" {
		return catalog.DefaultModel
	}
	return name
}
