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
	bad, err := damaged(ctx, resolved)
	if err != nil {
		return err
	}
	if bad {
		if resolved, err = replace(ctx, std, name, resolved.Path); err != nil {
			return err
		}
	}
	fmt.Fprintf(std.err, "%s: found in: %s\n", resolved.Name, resolved.Source)
	_, err = fmt.Fprintln(std.out, resolved.Path)
	return err
}

// damaged says whether a file of the cache has another checksum than the
// catalogue's. Other commands look at the length alone, as this takes a moment.
func damaged(ctx context.Context, r catalog.Resolved) (bool, error) {
	if r.Source != catalog.SourceCache || r.Model == nil {
		return false, nil
	}
	config, err := catalog.FromEnv()
	if err != nil {
		return false, err
	}
	err = catalog.New(config).Verify(ctx, catalog.Installed{Name: r.Name, Path: r.Path, Model: r.Model})
	if is[*catalog.ChecksumError](err) {
		return true, nil
	}
	return false, err
}

// replace fetches a model again whose file in the cache is damaged. No command
// may use that file any more, but it is not deleted before there is another: it
// may be all that can be had, and parts of it are right.
func replace(ctx context.Context, std *stdio, name, path string) (catalog.Resolved, error) {
	aside := path + ".damaged"
	if err := os.Rename(path, aside); err != nil {
		return catalog.Resolved{}, err
	}
	fmt.Fprintf(std.err, "%s is damaged: its checksum is wrong. It is %s until it has been fetched again.\n", path, aside)
	resolved, err := fetch(ctx, std, name)
	if err != nil {
		return resolved, err
	}
	return resolved, os.Remove(aside)
}

func modelOrDefault(name string) string {
	if name == "" {
		return catalog.DefaultModel
	}
	return name
}
