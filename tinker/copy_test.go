package tinker

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tinsmith.example/internal/wire"
)

// asDefault makes svc the default client until the test ends.
func asDefault(t *testing.T, svc *ServiceClient) {
	SetDefaultServiceClient(svc)
	t.Cleanup(func() { SetDefaultServiceClient(nil) })
}

func marshal(t *testing.T, c *SamplingClient) []byte {
	t.Helper()
	data, err := c.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// copyOf is a copy of c in another client's hands.
func copyOf(t *testing.T, c *SamplingClient, svc *ServiceClient) *SamplingClient {
	t.Helper()
	asDefault(t, svc)
	copied := new(SamplingClient)
	if err := copied.UnmarshalBinary(marshal(t, c)); err != nil {
		t.Fatal(err)
	}
	return copied
}

func TestACopyIsItsOriginalButForItsNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		want := RetryConfig{MaxConcurrent: 3, ProgressTimeout: time.Hour, BaseDelay: time.Second, MaxDelay: time.Minute, Jitter: new(0.5), NoRetry: true, NoStuckDetection: true}
		original := f.sampling(t, SamplingClientConfig{BaseModel: "org/model", Retry: want, RecordStabilityInfo: true})
		copied := copyOf(t, original, f.service(t))
		if diff := cmp.Diff(want, copied.retry, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("the retries differ:\n%s", diff)
		}
		if copied.BaseModel() != "org/model" || copied.id != original.id || copied.session.id != original.session.id || !copied.recordStabilityInfo {
			t.Errorf("%+v", copied)
		}
		for _, c := range []*SamplingClient{original, copied, copied} {
			if _, err := c.Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})}); err != nil {
				t.Fatal(err)
			}
		}
		first, second := f.seqIDs(t)[1], f.seqIDs(t)[2]
		if first < wire.SeqIDsPerClone || first%wire.SeqIDsPerClone != 0 || second != first+1 {
			t.Errorf("the copy's requests are number %d and %d", first, second)
		}
	})
}

// seqIDs are the numbers of all samples so far.
func (f *fake) seqIDs(t *testing.T) []int64 {
	var list []int64
	for _, seen := range f.to(wire.PathSample) {
		var r wire.SampleRequest
		if err := wire.Decode(seen.raw, &r); err != nil {
			t.Fatal(err)
		}
		list = append(list, *r.SeqID)
	}
	return list
}

func TestTheServerGivesCopiesTheirNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.on(wire.PathClientConfig, `{"sample_join_sampling_session": true}`)
		tries := 0
		f.set(wire.PathJoinSamplingSession, func(seenRequest) reply {
			if tries++; tries == 1 {
				return reply{status: 404, body: `{"detail":"not yet"}`}
			}
			return reply{status: 200, body: `{"client_counter": 7, "type": "join_sampling_session"}`, hold: time.Second}
		})
		copied := copyOf(t, f.sampling(t, SamplingClientConfig{}), f.service(t))
		ask := &SampleRequest{Prompt: FromTokens([]int32{1})}
		_, err := copied.Sample(t.Context(), ask)
		if failed, ok := errors.AsType[*APIError](err); !ok || failed.Status != 404 || failed.Op != "SamplingClient.Sample" {
			t.Errorf("%v, want status 404", err)
		}
		var futures []*Future[*SampleResponse]
		for range 3 { // they wait for the same number
			futures = append(futures, copied.SampleAsync(t.Context(), ask))
		}
		if _, err := All(t.Context(), futures...); err != nil {
			t.Fatal(err)
		}
		joins := f.to(wire.PathJoinSamplingSession)
		if len(joins) != 2 || joins[1].body["sampling_session_id"] != "S:sample:0" || joins[1].body["type"] != "join_sampling_session" {
			t.Errorf("%d joins: %v", len(joins), joins)
		}
		var sum int64
		for _, id := range f.seqIDs(t) {
			sum += id
		}
		if sum != 3*7*wire.SeqIDsPerClone+0+1+2 {
			t.Errorf("numbers %v", f.seqIDs(t))
		}
	})
}

func TestNumbersThatCannotBeAreRefused(t *testing.T) {
	for _, counter := range []string{"0", "-1", "9223372036", "9223372036854775807"} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(t)
			f.on(wire.PathClientConfig, `{"sample_join_sampling_session": true}`)
			f.on(wire.PathJoinSamplingSession, `{"client_counter": `+counter+`}`)
			copied := copyOf(t, f.sampling(t, SamplingClientConfig{}), f.service(t))
			_, err := copied.Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})})
			if failed, ok := errors.AsType[*APIError](err); !ok || !strings.Contains(failed.Error(), "client_counter is "+counter) {
				t.Errorf("%s: %v", counter, err)
			}
		})
	}
}

// The maker may be gone long before the copy is.
func TestACopyKeepsTheSessionAliveAndDoesNotEndIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		original := f.sampling(t, SamplingClientConfig{})
		svc := f.service(t)
		copyOf(t, original, svc)
		copyOf(t, original, svc)
		before := len(f.to(wire.PathSessionHeartbeat))
		time.Sleep(65 * time.Second)
		if beats := len(f.to(wire.PathSessionHeartbeat)) - before; beats != 6+6 { // the original's, and one series for both copies
			t.Errorf("%d heartbeats", beats)
		}
		if err := svc.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(f.to(wire.FinishSessionPath("S"))); n != 0 {
			t.Errorf("the copy finished the session %d times", n)
		}
		before = len(f.to(wire.PathSessionHeartbeat))
		time.Sleep(60 * time.Second)
		if beats := len(f.to(wire.PathSessionHeartbeat)) - before; beats != 6 {
			t.Errorf("%d heartbeats after the copy was closed", beats)
		}
		if n := len(f.to(wire.PathCreateSession)); n != 1 {
			t.Errorf("%d sessions", n)
		}
	})
}

func TestCopiesEndWithTheirServiceClient(t *testing.T) {
	f := newFake(t)
	original := f.sampling(t, SamplingClientConfig{})
	svc := f.service(t)
	copied := copyOf(t, original, svc)
	data := marshal(t, original)
	if err := svc.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := copied.Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := new(SamplingClient).UnmarshalBinary(data); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestCopiesTravelByGob(t *testing.T) {
	f := newFake(t)
	asDefault(t, f.service(t))
	type job struct {
		Name   string
		Client *SamplingClient
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(job{"a", f.sampling(t, SamplingClientConfig{})}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), testKey) {
		t.Errorf("the key is in %q", b.String())
	}
	var got job
	if err := gob.NewDecoder(&b).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if _, err := got.Client.Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})}); err != nil || got.Name != "a" {
		t.Error(got, err)
	}
}

func TestCopiesExchangeTheirOwnKeyForWebTokens(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		m := newMint(t, time.Hour)
		copied := copyOf(t, m.f.sampling(t, SamplingClientConfig{}), m.f.service(t))
		if _, err := copied.Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(35 * time.Minute) // over half of their lifetime
		if n := len(m.exchanges()); n != 4 {
			t.Errorf("%d exchanges of original and copy, want two of each", n)
		}
		if key := m.f.to(wire.PathSample)[0].header.Get(wire.HeaderAPIKey); !strings.HasPrefix(key, "eyJ") {
			t.Errorf("sent with %s", key)
		}
	})
}

// Whoever can pass a handle to a program must not learn its key.
func TestTheKeyGoesToNoServerThatAHandleNames(t *testing.T) {
	reached := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	defer other.Close()
	f := newFake(t)
	h := f.sampling(t, SamplingClientConfig{}).handle()
	h.Holder.BaseURL = other.URL
	text, err := h.Text()
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.service(t).SamplingClientFromHandle(text)
	if wrong, ok := errors.AsType[*ArgumentError](err); !ok || wrong.Value != other.URL || !strings.Contains(err.Error(), "https://tinker.test/prefix") {
		t.Errorf("%v", err)
	}
	if _, err := f.service(t, WithHandleServers(other.URL+"/")).SamplingClientFromHandle(text); err != nil {
		t.Errorf("where it is allowed: %v", err)
	}
	h.Holder.BaseURL = "http://192.0.2.1"
	if text, err = h.Text(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.service(t, WithHandleServers("http://192.0.2.1")).SamplingClientFromHandle(text); err == nil || !strings.Contains(err.Error(), "unencrypted") {
		t.Errorf("over plain http: %v", err)
	}
	if reached != 0 {
		t.Errorf("the other server was reached %d times", reached)
	}
}

// They are what the official client's user told it to send, so they are sent;
// they do not replace what is ours.
func TestHeaderOverridesOfAHandleAreSent(t *testing.T) {
	f := newFake(t)
	h := f.sampling(t, SamplingClientConfig{}).handle()
	open := func(header map[string]string) (*SamplingClient, error) {
		h.Holder.HeaderOverrides = header
		text, err := h.Text()
		if err != nil {
			t.Fatal(err)
		}
		return f.service(t).SamplingClientFromHandle(text)
	}
	c, err := open(map[string]string{"X-Team": "red", wire.HeaderAPIKey: "tml-other"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})}); err != nil {
		t.Fatal(err)
	}
	sent := f.to(wire.PathSample)[0].header
	if sent.Get("X-Team") != "red" || sent.Get(wire.HeaderAPIKey) != testKey {
		t.Errorf("sent %v", sent)
	}
	_, err = c.MarshalBinary()
	if _, ok := errors.AsType[*ArgumentError](err); !ok || strings.Contains(err.Error(), "red") {
		t.Errorf("marshalled: %v", err)
	}
	for _, bad := range []map[string]string{{"X-A": "b\r\nX-Api-Key: c"}, {"X A": "b"}, {"": "b"}, {"X-A:": ""}} {
		if _, err := open(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestWhatCannotTravelIsNamed(t *testing.T) {
	f := newFake(t)
	c := f.sampling(t, SamplingClientConfig{Retry: RetryConfig{Retryable: func(error) bool { return false }}})
	for name, c := range map[string]*SamplingClient{"Retry.Retryable": c, "the SamplingClient": new(SamplingClient)} {
		_, err := c.MarshalBinary()
		if wrong, ok := errors.AsType[*ArgumentError](err); !ok || wrong.Field != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// It must be possible to declare a client that something is decoded into, and to
// forget that.
func TestTheZeroClientRefusesAllCalls(t *testing.T) {
	ctx, c, ask := t.Context(), new(SamplingClient), &SampleRequest{Prompt: FromTokens([]int32{1})}
	prompt := FromTokens([]int32{1})
	for name, call := range map[string]func() error{
		"Sample":               func() error { _, err := c.Sample(ctx, ask); return err },
		"SampleAsync":          func() error { _, err := c.SampleAsync(ctx, ask).Await(ctx); return err },
		"ComputeLogprobs":      func() error { _, err := c.ComputeLogprobs(ctx, prompt); return err },
		"ComputeLogprobsAsync": func() error { _, err := c.ComputeLogprobsAsync(ctx, prompt).Await(ctx); return err },
		"Tokenizer":            func() error { _, err := c.Tokenizer(ctx); return err },
		"Receipt":              func() error { _, err := c.Receipt(ctx, &SampleResponse{RequestID: "r"}); return err },
		"Handle":               func() error { _, err := c.Handle(); return err },
	} {
		if wrong, ok := errors.AsType[*ArgumentError](call()); !ok || wrong.Field != "the SamplingClient" {
			t.Errorf("%s: %v", name, call())
		}
	}
}

func TestBadCopiesAreRefused(t *testing.T) {
	f := newFake(t)
	data := marshal(t, f.sampling(t, SamplingClientConfig{}))
	newer := bytes.Clone(data)
	newer[len(copyMagic)] = copyVersion + 1
	edited := func(old, with string) []byte {
		changed := bytes.Replace(data, []byte(old), []byte(with), 1)
		if bytes.Equal(changed, data) {
			t.Fatalf("%s has no %s", data, old)
		}
		return changed
	}
	for name, tt := range map[string]struct {
		data []byte
		want string
	}{
		"empty":           {nil, "what MarshalBinary returned"},
		"something else":  {[]byte("tinker"), "what MarshalBinary returned"},
		"newer":           {newer, "version 1, and is of version 2"},
		"too long":        {append(bytes.Clone(data), make([]byte, wire.MaxHandle)...), "at most 1048576 bytes"},
		"more behind it":  {append(bytes.Clone(data), '{'), "what MarshalBinary returned"},
		"no handle":       {append([]byte(copyMagic), 1, '{', '}'), "with a handle"},
		"no session":      {edited(`"session_id":"S"`, `"session_id":""`), "session_id"},
		"another member":  {edited(`"isolated"`, `"insulated"`), "insulated"},
		"a key":           {edited(`"api_key":null`, `"api_key":"tml-a"`), "key"},
		"headers":         {edited(`"default_headers_overrides":{}`, `"default_headers_overrides":{"a":"b"}`), "headers"},
		"negative delays": {edited(`"base_delay":0`, `"base_delay":-1`), "Retry.BaseDelay"},
		"a wide jitter":   {edited(`"no_retry"`, `"jitter":2,"no_retry"`), "Retry.Jitter"},
		"another server":  {edited("https://tinker.test", "https://evil.test"), "base URL"},
	} {
		asDefault(t, f.service(t))
		err := new(SamplingClient).UnmarshalBinary(tt.data)
		if _, ok := errors.AsType[*ArgumentError](err); !ok || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	for n := range data { // cut short anywhere
		if _, err := parseCopy(data[:n]); err == nil {
			t.Errorf("the first %d of %d bytes were accepted", n, len(data))
		}
	}
}

func FuzzCopies(f *testing.F) {
	f.Add([]byte(copyMagic + "\x01" + `{"handle":{"session_id":"S","sampling_session_id":"S:0","base_model":"m","holder":{"base_url":"https://a.test","client_config":{"sample_max_concurrent_requests":-1}}},"retry":{"jitter":0.5}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		state, err := parseCopy(data)
		if err != nil {
			return
		}
		config := state.Retry.config()
		config.resolve(&state.Handle.Holder.ClientConfig)
		b, err := wire.Encode(state)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseCopy(append([]byte(copyMagic+"\x01"), b...)); err != nil {
			t.Errorf("%s became\n%s\n%v", data, b, err)
		}
	})
}

// copyProcess is set where the test binary runs as another process, to the way in
// which the client comes; the client itself is on standard input.
const copyProcess = "TINKER_TEST_COPY"

// TestOfACopyInAnotherProcess is what TestCopiesWorkInOtherProcesses starts.
func TestOfACopyInAnotherProcess(t *testing.T) {
	how := os.Getenv(copyProcess)
	if how == "" {
		return // not started as another process
	}
	svc, err := DefaultServiceClient() // from the environment
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := svc.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	var client *SamplingClient
	switch how {
	case "gob":
		err = gob.NewDecoder(os.Stdin).Decode(&client)
	case "handle":
		var text bytes.Buffer
		if _, err := text.ReadFrom(os.Stdin); err != nil {
			t.Fatal(err)
		}
		client, err = svc.SamplingClientFromHandle(text.String())
	}
	if err != nil {
		t.Fatal(err)
	}
	for i := range int32(20) {
		r, err := client.Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{i, 7})})
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Sequences[0].Tokens; len(got) != 2 || got[0] != i {
			t.Errorf("call %d got %v", i, got)
		}
	}
	t.Log("sampled in another process")
}

func TestCopiesWorkInOtherProcesses(t *testing.T) {
	server := httptest.NewServer(&moody{count: map[string]int{}, prompts: map[string][]int32{}})
	defer server.Close()
	svc, err := NewServiceClient(WithBaseURL(server.URL), WithAPIKey(testKey))
	if err != nil {
		t.Fatal(err)
	}
	defer svc.Close(context.WithoutCancel(t.Context()))
	client, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m", Retry: RetryConfig{BaseDelay: time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	var encoded bytes.Buffer
	if err := gob.NewEncoder(&encoded).Encode(client); err != nil {
		t.Fatal(err)
	}
	handle, err := client.Handle()
	if err != nil {
		t.Fatal(err)
	}
	for how, input := range map[string]string{"gob": encoded.String(), "handle": handle} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOfACopyInAnotherProcess$", "-test.v")
		cmd.Env = append(os.Environ(), copyProcess+"="+how, "TINKER_BASE_URL="+server.URL, "TINKER_API_KEY="+testKey)
		cmd.Stdin = strings.NewReader(input)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "sampled in another process") {
			t.Errorf("%s: %v\n%s", how, err, out)
		}
	}
}
