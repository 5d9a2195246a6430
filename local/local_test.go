package local_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tinsmith.example/internal/tinymodel"
	"tinsmith.example/local"
	"tinsmith.example/tinker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start starts a server of the tiny model that ends with the test.
func start(t *testing.T, o local.Options) *local.Server {
	t.Helper()
	o.TinyModel = o.Model == ""
	s, err := local.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func sampler(t *testing.T, s *local.Server) *tinker.SamplingClient {
	t.Helper()
	c, err := s.Client().CreateSamplingClient(t.Context(), tinker.SamplingClientConfig{BaseModel: s.BaseModel()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func request(seed int64) *tinker.SampleRequest {
	return &tinker.SampleRequest{
		Prompt:     tinker.FromTokens([]int32{5, 6, 7, 8}),
		NumSamples: 3,
		Params:     tinker.SamplingParams{MaxTokens: 12, Seed: &seed, Stop: tinker.NoStop()},
	}
}

// TestSampledIsWhatIsComputed: the whole path, and the promise it is there for.
func TestSampledIsWhatIsComputed(t *testing.T) {
	s := start(t, local.Options{})
	c := sampler(t, s)
	r := request(1)
	got, err := c.Sample(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Sequences) != 3 {
		t.Fatalf("%d sequences, want 3", len(got.Sequences))
	}
	for i, q := range got.Sequences {
		if len(q.Tokens) != 12 || len(q.Logprobs) != 12 {
			t.Fatalf("sequence %d has %d tokens and %d log probabilities, want 12", i, len(q.Tokens), len(q.Logprobs))
		}
		all := append([]int32{5, 6, 7, 8}, q.Tokens...)
		computed, err := c.ComputeLogprobs(t.Context(), tinker.FromTokens(all))
		if err != nil {
			t.Fatal(err)
		}
		if !math.IsNaN(float64(computed[0])) || !slices.Equal([]float32(computed[4:]), []float32(q.Logprobs)) {
			t.Errorf("sequence %d: sampled %v, computed %v", i, q.Logprobs, computed)
		}
	}
}

// TestEveryServerAnswersTheSame: two servers, at once, with 1 and 2 threads.
func TestEveryServerAnswersTheSame(t *testing.T) {
	var answers [2]*tinker.SampleResponse
	var wg sync.WaitGroup
	for i := range answers {
		s := start(t, local.Options{Threads: i + 1})
		c := sampler(t, s)
		wg.Go(func() {
			var err error
			if answers[i], err = c.Sample(t.Context(), request(7)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	for i := range answers[0].Sequences {
		a, b := answers[0].Sequences[i], answers[1].Sequences[i]
		if !slices.Equal(a.Tokens, b.Tokens) || !reflect.DeepEqual(a.Logprobs, b.Logprobs) {
			t.Errorf("sequence %d: %v and %v", i, a, b)
		}
	}
}

func TestServersHaveKeysOfTheirOwn(t *testing.T) {
	a, b := start(t, local.Options{}), start(t, local.Options{})
	if a.Key() == b.Key() || a.URL() == b.URL() || !strings.HasPrefix(a.Key(), "tml-") {
		t.Errorf("%s and %s", a.URL(), b.URL())
	}
	for key, want := range map[string]int{a.Key(): 200, b.Key(): 401} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", a.URL()+"/api/v1/get_server_capabilities", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-API-Key", key)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("status %d, want %d", answer.StatusCode, want)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestALocalServerDoesNotTrain(t *testing.T) {
	s := start(t, local.Options{})
	_, err := s.Client().CreateLoRATrainingClient(t.Context(), tinker.TrainingClientConfig{BaseModel: s.BaseModel()})
	if e, ok := errors.AsType[*tinker.APIError](err); !ok || e.Status != http.StatusNotFound || !strings.Contains(e.Message, "does not train") {
		t.Error(err)
	}
}

func TestSparseTargetsAreAnsweredAsDenseOnes(t *testing.T) {
	client := sampler(t, start(t, local.Options{}))
	ask := func(sparse bool) [][]float32 {
		r, err := client.Sample(t.Context(), &tinker.SampleRequest{
			Prompt: tinker.FromTokens([]int32{5, 6, 7, 8}), Params: tinker.SamplingParams{MaxTokens: 1},
			TargetPromptLogprobs: &tinker.TargetTokens{Rows: [][]int32{{6, 9}, {}, {8}}, Sparse: sparse},
		})
		if err != nil {
			t.Fatal(err)
		}
		return r.TargetPromptLogprobs
	}
	if dense, sparse := ask(false), ask(true); len(dense) != 3 || !reflect.DeepEqual(dense, sparse) {
		t.Errorf("dense %v, sparse %v", dense, sparse)
	}
}

func TestTokenizerOfTheTinyModel(t *testing.T) {
	tok, err := sampler(t, start(t, local.Options{})).Tokenizer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const text = "Hello, the weather is 12 degrees — ça va?\n"
	ids := tok.Encode(text)
	if got := tok.Decode(ids); got != text {
		t.Errorf("%q came back as %q", text, got)
	}
	if len(ids) >= len(text) {
		t.Errorf("%d tokens for %d bytes: no merge was used", len(ids), len(text))
	}
}

func TestModelFromAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine.gguf")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(tinymodel.Write(f, tinymodel.Options{Seed: 5, ContextLength: 128}), f.Close()); err != nil {
		t.Fatal(err)
	}
	if s := start(t, local.Options{Model: path}); s.BaseModel() != "mine" {
		t.Errorf("BaseModel = %q, want mine", s.BaseModel())
	}
	s := start(t, local.Options{Model: path, Name: "org/mine"})
	if s.BaseModel() != "org/mine" {
		t.Errorf("BaseModel = %q, want org/mine", s.BaseModel())
	}
	caps, err := s.Client().Capabilities(t.Context())
	if err != nil || len(caps.Models) != 1 || caps.Models[0].Name != "org/mine" || caps.Models[0].MaxContextLength != 128 {
		t.Errorf("capabilities %+v, %v", caps, err)
	}
}

func TestStartFails(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.gguf")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]local.Options{
		"both models":      {Model: empty, TinyModel: true},
		"no such file":     {Model: filepath.Join(t.TempDir(), "none.gguf")},
		"no model":         {Model: empty},
		"negative threads": {TinyModel: true, Threads: -1},
		"negative memory":  {TinyModel: true, Memory: -1},
		"bad name":         {TinyModel: true, Name: "a:b"},
	} {
		s, err := local.Start(t.Context(), o)
		if err == nil {
			t.Errorf("%s: no error", name)
			s.Close(t.Context())
		}
	}
}

// TestCloseEndsEverything: work in progress fails, files go, and again is fine.
func TestCloseEndsEverything(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s, err := local.Start(t.Context(), local.Options{TinyModel: true})
	if err != nil {
		t.Fatal(err)
	}
	c := sampler(t, s)
	long := request(1)
	long.NumSamples, long.Params.MaxTokens = 64, 1000
	running := c.SampleAsync(t.Context(), long)
	for range 2 {
		if err := s.Close(t.Context()); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if _, err := running.Await(t.Context()); err == nil {
		t.Error("the sample outlived its server")
	}
	wantNoFiles(t)
}

// TestRunningServerHasNoFiles, so that one that is killed leaves none.
func TestRunningServerHasNoFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be removed here")
	}
	t.Setenv("TMPDIR", t.TempDir())
	s := start(t, local.Options{})
	wantNoFiles(t)
	if _, err := sampler(t, s).Sample(t.Context(), request(1)); err != nil {
		t.Error(err)
	}
}

// TestStartHonoursAnEndedContext: nothing is started, nothing is left.
func TestStartHonoursAnEndedContext(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	why := errors.New("no longer wanted")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if s, err := local.Start(ctx, local.Options{TinyModel: true}); !errors.Is(err, why) {
		t.Errorf("Start = %v, %v; want the context's cause", s, err)
	}
	wantNoFiles(t)
}

// TestEveryCloseKeepsToItsOwnContext: a body that is still arriving holds the
// first Close up, and the second one does not wait for it.
func TestEveryCloseKeepsToItsOwnContext(t *testing.T) {
	s, err := local.Start(t.Context(), local.Options{TinyModel: true})
	if err != nil {
		t.Fatal(err)
	}
	slow := startBody(t, s)
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("the first Close has waited long enough"))
	defer cancel()
	first := make(chan error, 1)
	go func() { first <- s.Close(ctx) }()
	for err == nil { // until it has begun
		_, err = s.Client().Capabilities(t.Context())
	}
	why := errors.New("the second Close is in a hurry")
	hurry, stop := context.WithCancelCause(t.Context())
	stop(why)
	if err := s.Close(hurry); !errors.Is(err, why) {
		t.Errorf("second Close = %v, want its context's cause", err)
	}
	select {
	case err := <-first:
		t.Fatalf("first Close = %v before the body had ended", err)
	default:
	}
	slow.Close()
	if err := <-first; err != nil {
		t.Errorf("first Close = %v", err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Errorf("third Close = %v", err)
	}
}

// startBody begins a request whose body does not come.
func startBody(t *testing.T, s *local.Server) net.Conn {
	t.Helper()
	address := strings.TrimPrefix(s.URL(), "http://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "POST /api/v1/create_session HTTP/1.1\r\nHost: %s\r\nX-API-Key: %s\r\nContent-Type: application/json\r\n"+
		"Content-Length: 10\r\nExpect: 100-continue\r\n\r\n", address, s.Key())
	if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil { // the handler reads
		t.Fatal(err)
	}
	return conn
}

func wantNoFiles(t *testing.T) {
	t.Helper()
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	if err != nil || len(left) != 0 {
		t.Errorf("files are left: %v, %v", left, err)
	}
}
