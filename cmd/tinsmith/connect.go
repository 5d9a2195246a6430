package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"tinsmith.example/local"
	"tinsmith.example/tinker"
)

// connectFlags say which server and which model a command uses.
type connectFlags struct {
	BaseURL   string        `env:"TINKER_BASE_URL" placeholder:"URL" help:"The server to use, with the key in TINKER_API_KEY. Without it the model runs in this process."`
	PlainHTTP bool          `name:"plain-http" help:"Allow a --base-url of http to another machine: key and prompts can be read on the way."`
	Model     string        `short:"m" placeholder:"NAME" help:"A name of the catalogue, org/name of the Hub, or the path of a GGUF file; with --base-url, a name that the server knows (default: ${model}, or the only model that a server has)."`
	Threads   int           `help:"The most threads that compute in this process; 0: one per CPU. Changes no result."`
	Timeout   time.Duration `placeholder:"DURATION" help:"Give up after that long, such as 30s or 5m, fetching and loading a model included; 0: never (default: 0)."`
	Quiet     bool          `short:"q" help:"Print no remarks on standard error: which server and model, progress, the seed, why the server lets wait. Warnings and errors are printed."`
	Memory    byteSize      `placeholder:"SIZE" help:"What the KV cache may take in this process, such as 2GiB (default: half of what is free). Changes no result."`
}

// Validate refuses what no engine could be started with.
func (f *connectFlags) Validate() error {
	if f.Threads < 0 {
		return fmt.Errorf("--threads %d: must be at least 0, where 0 means one per CPU", f.Threads)
	}
	if f.Timeout < 0 {
		return fmt.Errorf("--timeout %v: must be at least 0, where 0 means never", f.Timeout)
	}
	if f.BaseURL != "" && (f.Threads > 0 || f.Memory > 0) {
		return errors.New("--threads and --memory are for a model in this process, and --base-url or TINKER_BASE_URL names a server elsewhere")
	}
	return nil
}

// A session is one model of one server, which may be in this process.
type session struct {
	client *tinker.SamplingClient
	tokens *tinker.Tokenizer
	server string // "embedded", or the server's URL
	model  string // as the server calls it

	closers []func(context.Context) error // last first
}

// connect finds or starts the server that f asks for, and says on standard
// error which one and which model it is. The caller closes the session.
func connect(ctx context.Context, std *stdio, f *connectFlags) (*session, error) {
	s := &session{}
	err := s.open(ctx, std, f)
	if err != nil {
		s.close(ctx)
		return nil, err
	}
	return s, nil
}

func (s *session) open(ctx context.Context, std *stdio, f *connectFlags) error {
	start := s.embed
	if f.BaseURL != "" {
		start = s.dial
	}
	service, err := start(ctx, std, f)
	if err != nil {
		return err
	}
	waits := &waitRemarks{w: std.remarks(), from: s.server}
	s.client, err = service.CreateSamplingClient(ctx, tinker.SamplingClientConfig{BaseModel: s.model, OnQueueState: waits.note})
	if err != nil {
		return err
	}
	s.tokens, err = s.client.Tokenizer(ctx)
	return err
}

// embed starts a server in this process.
func (s *session) embed(ctx context.Context, std *stdio, f *connectFlags) (*tinker.ServiceClient, error) {
	asked := modelOrDefault(f.Model)
	found, err := fetch(ctx, std, asked)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(std.remarks(), "server: embedded, model: %s (%s)\n", found.Name, found.Path)
	server, err := local.Start(ctx, local.Options{Model: found.Path, Name: found.Name, Threads: f.Threads, Memory: int64(f.Memory), Logger: logger(std, "tinsmith")})
	if err != nil {
		return nil, &loadError{asked, found, err}
	}
	s.closers = append(s.closers, server.Close)
	s.server, s.model = "embedded", server.BaseModel()
	return server.Client(), nil
}

// dial makes a client of a server elsewhere.
func (s *session) dial(ctx context.Context, std *stdio, f *connectFlags) (*tinker.ServiceClient, error) {
	u, err := url.Parse(f.BaseURL)
	if err != nil || u.Host == "" {
		return nil, usagef("--base-url (or TINKER_BASE_URL) must be a URL with scheme and host, such as http://127.0.0.1:8731")
	}
	shown := u.Scheme + "://" + u.Host // what else a text that is no base URL has may be a secret
	options := []tinker.Option{tinker.WithBaseURL(f.BaseURL), tinker.WithLogger(logger(std, f.BaseURL))}
	if loopback(u.Hostname()) && os.Getenv("TINKER_API_KEY") == "" && os.Getenv("TINKER_CREDENTIAL_CMD") == "" {
		options = append(options, tinker.WithAPIKey(anyKey)) // which a tinsmith serve without --key takes
	}
	if f.PlainHTTP {
		options = append(options, tinker.WithPlainHTTP())
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) && !f.PlainHTTP {
		return nil, usagef("--base-url %s would send key and prompts unencrypted to another machine: use https, or allow it with --plain-http", shown)
	}
	service, err := tinker.NewServiceClient(options...)
	if bad, ok := errors.AsType[*tinker.ArgumentError](err); ok && bad.Field == "the API key" && bad.Value == "" {
		return nil, usagef("no key for %s: set TINKER_API_KEY", shown)
	}
	if err != nil {
		return nil, usage(err)
	}
	s.closers = append(s.closers, service.Close)
	s.server = service.BaseURL()
	if err := knock(ctx, s.server); err != nil {
		return nil, err
	}
	has, err := service.Capabilities(ctx)
	if err != nil {
		return nil, err
	}
	if s.model, err = choose(s.server, f.Model, has.Models); err != nil {
		return nil, err
	}
	fmt.Fprintf(std.remarks(), "server: %s, model: %s\n", s.server, s.model)
	return service, nil
}

// How long a session may take to end in good order: less where somebody who
// pressed Ctrl-C waits, perhaps because the server answers nothing any more.
const (
	closeTime     = 5 * time.Second
	interruptTime = time.Second
)

// close ends the session, for a command whose context is ctx. It has a time of
// its own, since the command's may be over. What fails here can no longer change
// the result.
func (s *session) close(ctx context.Context) {
	limit := closeTime
	if ctx.Err() != nil {
		limit = interruptTime
	}
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), limit, errors.New("closing took too long"))
	defer cancel()
	for i := len(s.closers) - 1; i >= 0; i-- {
		_ = s.closers[i](ctx)
	}
}
