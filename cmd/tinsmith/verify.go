package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"tinsmith.example/internal/catalog"
	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/receipt"
	"tinsmith.example/internal/server"
)

type verifyCommand struct {
	File    string   `arg:"" help:"The receipt, as sample --receipt and logprobs --receipt write it; - is standard input."`
	Model   string   `short:"m" placeholder:"NAME" help:"The model: a name of the catalogue, org/name of the Hub, or the path of a GGUF file (default: the one that the receipt names, of the catalogue or in the cache)."`
	Threads int      `help:"The most threads that compute; 0: one per CPU. Changes no result."`
	Memory  byteSize `placeholder:"SIZE" help:"What the KV cache may take, such as 2GiB (default: half of what is free). Changes no result."`
	JSON    bool     `name:"json" help:"Print one JSON object, as docs/cli.md describes it."`
}

// Help is the second part of the subcommand's --help.
func (*verifyCommand) Help() string {
	return `Examples:
  tinsmith sample --receipt answer.json "The weather today is"
  tinsmith verify answer.json
  tinsmith verify answer.json --model model.gguf
  tinsmith verify --json answer.json

The model runs in this process, computes the answer again from the receipt's
request and seed, and every token and every bit of every log probability is
compared. Exit code 0 says that all are the same. Otherwise it is 1, and the
output says where they differ first and what has changed: the arithmetic, the
model's file, the adapter, or the receipt itself. On which machine, with how
many threads and beside what else the answer was computed makes no difference.`
}

// Validate refuses what no engine could be started with.
func (c *verifyCommand) Validate() error {
	if c.Threads < 0 {
		return fmt.Errorf("--threads %d: must be at least 0, where 0 means one per CPU", c.Threads)
	}
	return nil
}

func (c *verifyCommand) Run(ctx context.Context, std *stdio) error {
	old, err := c.read(ctx, std)
	if err != nil {
		return err
	}
	found, err := c.locate(ctx, std, old.Model)
	if err != nil {
		return err
	}
	fmt.Fprintf(std.err, "model: %s (%s)\n", found.Name, found.Path)
	e, err := engine.Open(found.Path, engine.Options{Threads: c.Threads, Memory: int64(c.Memory)})
	if err != nil {
		return &loadError{found.Name, found, err}
	}
	defer e.Close()
	id, err := e.Identity(ctx)
	if err != nil {
		return err
	}
	if have := hex.EncodeToString(id.ModelSHA256[:]); have != old.Model.SHA256 {
		fmt.Fprintf(std.err, "this is not the file of the receipt: its sha256 is %s, the receipt's %s\n", have, old.Model.SHA256)
	}
	again, err := server.Replay(ctx, e, found.Name, old)
	if err != nil {
		return fmt.Errorf("%s cannot be replayed with %s: %w", c.File, found.Path, err)
	}
	v := newVerdict(old, again)
	if len(v.Changed) == 0 && !v.Equal {
		v.Changed = []string{suspect(ctx, e, old, v.Differences)}
		if ctx.Err() != nil {
			return context.Cause(ctx) // and no verdict that rests on half of the work
		}
	}
	if c.JSON {
		err = std.printJSON(v)
	} else {
		v.print(std.out)
	}
	if err == nil && !v.Equal {
		err = errDiffers
	}
	return err
}

// errDiffers is why a verification failed that ran to its end.
var errDiffers = errors.New("the replay differs from the receipt")

func (c *verifyCommand) read(ctx context.Context, std *stdio) (*receipt.Receipt, error) {
	file, name := std.in, "standard input"
	if c.File != "-" {
		opened, err := os.Open(c.File)
		if err != nil {
			return nil, err
		}
		defer opened.Close()
		file, name = opened, c.File
	}
	text, err := awaitText(ctx, name, func() ([]byte, error) { return io.ReadAll(io.LimitReader(file, receipt.MaxBytes+1)) })
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", c.File, err)
	}
	r, err := receipt.Parse(bytes.TrimSpace(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.File, err)
	}
	return r, nil
}

// locate finds the model to replay with: the one that was asked for, or the
// receipt's by its hash or its name. A receipt, which may come from anywhere,
// makes nothing be fetched but models of the catalogue.
func (c *verifyCommand) locate(ctx context.Context, std *stdio, m receipt.File) (catalog.Resolved, error) {
	if c.Model != "" {
		return fetch(ctx, std, c.Model)
	}
	for _, known := range catalog.Models() {
		if known.SHA256 == m.SHA256 {
			return fetch(ctx, std, known.Name)
		}
	}
	if _, ok := catalog.Lookup(m.Name); ok {
		return fetch(ctx, std, m.Name)
	}
	cache, err := catalog.NewCache("")
	if err != nil {
		return catalog.Resolved{}, err
	}
	installed, err := cache.List()
	if err != nil {
		return catalog.Resolved{}, err
	}
	var of []catalog.Installed
	for _, i := range installed {
		if i.Name == m.Name || strings.HasPrefix(i.Name, m.Name+":") {
			of = append(of, i)
		}
	}
	if len(of) != 1 {
		return catalog.Resolved{}, &unknownFileError{m}
	}
	return catalog.Resolved{Name: m.Name, Path: of[0].Path, Source: catalog.SourceCache}, nil
}

// An unknownFileError says that a receipt is of a model that cannot be found by
// itself.
type unknownFileError struct{ model receipt.File }

func (e *unknownFileError) Error() string {
	return fmt.Sprintf("the receipt's model, %q with sha256 %s, is neither of the catalogue nor in the cache", e.model.Name, e.model.SHA256)
}
