package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"tinsmith.example/internal/bench"
	"tinsmith.example/internal/catalog"
	"tinsmith.example/tinker"
)

type benchCommand struct {
	Model     string        `short:"m" placeholder:"NAME" help:"A name of the catalogue, org/name of the Hub, or the path of a GGUF file (default: ${model})."`
	Threads   int           `help:"The most threads that compute; 0: one per CPU."`
	Rounds    int           `default:"3" help:"How often each load runs; the best and the median count."`
	Load      []string      `placeholder:"NAME" help:"Run this load alone: stream1, group16, batch32 or score16; or one that runs only so: arrival, prefix or mixed. Repeatable (default: the first four, and what else there is to measure)."`
	For       time.Duration `placeholder:"DURATION" help:"How long --load mixed starts requests, such as 30m (default: 60s)."`
	Memory    byteSize      `placeholder:"SIZE" help:"What the KV cache may take, such as 2GiB (default: half of what is free)."`
	Peer      []string      `sep:"none" placeholder:"KIND=URL" help:"A server that does the same loads in turn: llama=URL (llama-server), vllm=URL or tinker=URL. Repeatable."`
	PlainHTTP bool          `name:"plain-http" help:"Allow tinker=URL to be of http to another machine: the key can be read on the way."`
	Compare   *string       `placeholder:"FILE" help:"What bench --json printed before: show ratios to it, too."`
	JSON      bool          `name:"json" help:"Print one JSON object, as docs/cli.md describes it."`
}

// Help is the second part of the subcommand's --help.
func (*benchCommand) Help() string {
	return `Examples:
  tinsmith bench
  tinsmith bench --load batch32 --load score16 --rounds 5
  tinsmith bench --load mixed --for 30m --memory 2GiB
  tinsmith bench --json > before.json       # then, after a change:
  tinsmith bench --compare before.json
  tinsmith bench --peer llama=http://127.0.0.1:8080 --peer vllm=http://127.0.0.1:8000

Measures the engine inside this process. The loads, in tokens per second:
  stream1  one greedy sequence of 128 tokens from a prompt of 32
  group16  one prompt of 64 tokens, 16 samples of 64
  batch32  32 prompts of 64 tokens at once, 64 tokens of each
  score16  the log probabilities of 16 prompts of 512 tokens
These run only if --load names them:
  arrival  a prompt of 4,000 tokens comes while 32 sequences are sampled
  prefix   what a second request costs that shares 2,000 tokens with a first
  mixed    24 clients with requests of all kinds and sizes, some cancelled; some
           of the answers are computed again and compared, to the bit
Beside each of the four stands what this machine allows: its limit if it always read memory,
or always multiplied, as fast as it can, and the share of that which was reached.
Then the first token, long prompts, and attention by itself; --load leaves these
out.

A busy machine makes every figure worse: compare what was measured in one
sitting. The default model takes some two minutes on two cores, most of them for
a prompt of 8,000 tokens. The file of --compare should be of the same machine.`
}

// Validate refuses what could not be measured, before a model is loaded.
func (c *benchCommand) Validate() error {
	switch {
	case c.Threads < 0:
		return fmt.Errorf("--threads %d: must be at least 0, where 0 means one per CPU", c.Threads)
	case c.Rounds < 1:
		return fmt.Errorf("--rounds %d: must be at least 1", c.Rounds)
	}
	for _, name := range c.Load {
		if !slices.Contains(loadNames(), name) {
			return fmt.Errorf("--load %s: the loads are %s", name, strings.Join(loadNames(), ", "))
		}
	}
	switch {
	case c.For < 0:
		return fmt.Errorf("--for %v: must be positive", c.For)
	case c.For > 0 && !slices.Contains(c.Load, "mixed"):
		return errors.New("--for is for --load mixed")
	case len(c.Peer) > 0 && len(c.loads()) == 0:
		return errors.New("--peer is for the loads stream1, group16, batch32 and score16")
	}
	for _, peer := range c.Peer {
		if _, _, err := splitPeer(peer); err != nil {
			return err
		}
	}
	return nil
}

func loadNames() (names []string) {
	for _, l := range bench.Loads() {
		names = append(names, l.Name)
	}
	for _, s := range bench.Studies() {
		names = append(names, s.Name)
	}
	return names
}

// splitPeer takes KIND=URL apart.
func splitPeer(peer string) (kind, base string, err error) {
	kind, base, _ = strings.Cut(peer, "=")
	if !slices.Contains([]string{"llama", "vllm", "tinker"}, kind) {
		return "", "", fmt.Errorf("--peer %s: want llama=URL, vllm=URL or tinker=URL", peer)
	}
	if u, err := url.Parse(base); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", "", fmt.Errorf("--peer %s: want a URL of http or https, such as http://127.0.0.1:8080", peer)
	}
	return kind, base, nil
}

func (c *benchCommand) Run(ctx context.Context, std *stdio) error {
	before, err := c.before()
	if err != nil {
		return err
	}
	found, err := fetch(ctx, std, modelOrDefault(c.Model))
	if err != nil {
		return err
	}
	peers, closePeers, err := c.reach(ctx, std, found)
	if err != nil {
		return err
	}
	defer closePeers()
	fmt.Fprintf(std.err, "model: %s (%s)\n", found.Name, found.Path)
	report, err := bench.Run(ctx, bench.Config{
		Path: found.Path, Name: found.Name, Threads: c.Threads, Rounds: c.Rounds, Loads: c.loads(), Peers: peers, LoadsOnly: len(c.Load) > 0,
		Studies: c.studies(), For: c.For, Memory: int64(c.Memory),
		Note: func(format string, args ...any) { fmt.Fprintf(std.err, format+"\n", args...) },
	})
	if err != nil {
		return &loadError{modelOrDefault(c.Model), found, err}
	}
	if before != nil {
		report.Comparison = bench.Compare(before, report)
		for _, d := range bench.Differences(before, report) {
			fmt.Fprintf(std.err, "%s differs in %s: %s, now %s\n", *c.Compare, d.What, d.Before, d.Now)
		}
	}
	if c.JSON {
		err = std.printJSON(report)
	} else {
		err = writeReport(std.out, report)
	}
	if report.Mixed != nil {
		err = errors.Join(err, report.Mixed.Fault())
	}
	return err
}

// before is the report to compare with; nil: none.
func (c *benchCommand) before() (*bench.Report, error) {
	if c.Compare == nil {
		return nil, nil
	}
	file, err := os.Open(*c.Compare)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	report, err := bench.ReadReport(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", *c.Compare, err)
	}
	return report, nil
}

// loads are the loads to run, in their own order.
func (c *benchCommand) loads() []bench.Load {
	return slices.DeleteFunc(bench.Loads(), func(l bench.Load) bool {
		return len(c.Load) > 0 && !slices.Contains(c.Load, l.Name)
	})
}

// studies are the studies to run.
func (c *benchCommand) studies() []bench.Study {
	return slices.DeleteFunc(bench.Studies(), func(s bench.Study) bool { return !slices.Contains(c.Load, s.Name) })
}

// reach finds the peers, before anything is measured. The function that it
// returns says goodbye to them.
func (c *benchCommand) reach(ctx context.Context, std *stdio, found catalog.Resolved) (peers []*bench.Peer, closeAll func(), err error) {
	var sessions []*session
	closeAll = func() {
		for _, s := range sessions {
			s.close(ctx)
		}
	}
	for _, spec := range c.Peer {
		kind, base, err := splitPeer(spec)
		if err != nil {
			return nil, nil, usage(err)
		}
		var peer *bench.Peer
		switch kind {
		case "llama":
			peer, err = bench.NewLlama(ctx, base)
		case "vllm":
			peer, err = bench.NewVLLM(ctx, base)
		case "tinker":
			s := &session{}
			sessions = append(sessions, s)
			if peer, err = c.dial(ctx, std, s, base, found); is[*unreachableError](err) {
				err = &bench.PeerError{Kind: kind, URL: base, Want: "a server of the Tinker API", Err: err}
			}
		}
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		peers = append(peers, peer)
	}
	return peers, closeAll, nil
}

// dial makes a peer of a server of the Tinker API, of which it takes the model
// that is measured here, or the only one that it has.
func (c *benchCommand) dial(ctx context.Context, std *stdio, s *session, base string, found catalog.Resolved) (*bench.Peer, error) {
	flags := connectFlags{BaseURL: base, PlainHTTP: c.PlainHTTP}
	if found.Source != catalog.SourceFile { // a path says nothing to a server
		flags.Model = c.Model
	}
	service, err := s.dial(ctx, std, &flags)
	if err != nil {
		return nil, err
	}
	client, err := service.CreateSamplingClient(ctx, tinker.SamplingClientConfig{BaseModel: s.model})
	if err != nil {
		return nil, err
	}
	return bench.NewTinker(s.server, client), nil
}
