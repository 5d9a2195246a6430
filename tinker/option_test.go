package tinker

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// clearEnvironment unsets what fromEnvironment reads, and hides the keys that
// whoever runs the test has stored.
func clearEnvironment(t *testing.T) {
	for _, name := range variablesRead(t) {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", t.TempDir())
}

func TestTheEnvironmentIsReadAndOptionsOverrideIt(t *testing.T) {
	clearEnvironment(t)
	t.Setenv("TINKER_BASE_URL", "http://127.0.0.1:1/from/env/")
	t.Setenv("TINKER_API_KEY", "tml-env")
	t.Setenv("TINKER_PROJECT_ID", "env-project")
	t.Setenv("TINKER_TAGS", "x, y,,x")
	svc, err := NewServiceClient()
	if err != nil {
		t.Fatal(err)
	}
	if got := svc.BaseURL(); got != "http://127.0.0.1:1/from/env" {
		t.Errorf("base URL %s", got)
	}
	if c := svc.config; c.apiKey != "tml-env" || c.projectID != "env-project" || strings.Join(c.tags, " ") != "x y" {
		t.Errorf("got %+v", c)
	}
	svc, err = NewServiceClient(WithBaseURL("https://option.test"), WithAPIKey("tml-option"), WithProjectID("p"), WithTags("z"))
	if err != nil {
		t.Fatal(err)
	}
	if c := svc.config; svc.BaseURL() != "https://option.test" || c.apiKey != "tml-option" || c.projectID != "p" || strings.Join(c.tags, " ") != "x y z" {
		t.Errorf("got %+v", c)
	}
}

func TestAccessHeadersGoWithEveryCall(t *testing.T) {
	clearEnvironment(t)
	t.Setenv("CLOUDFLARE_ACCESS_CLIENT_ID", "id")
	t.Setenv("CLOUDFLARE_ACCESS_CLIENT_SECRET", "secret")
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		if _, err := f.sampling(t, SamplingClientConfig{}).Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})}); err != nil {
			t.Fatal(err)
		}
		for _, seen := range f.seen {
			if seen.header.Get("CF-Access-Client-Id") != "id" || seen.header.Get("CF-Access-Client-Secret") != "secret" {
				t.Errorf("%s has %v", seen.path, seen.header)
			}
		}
	})
}

func TestWithoutAServerTheDefaultIsUsed(t *testing.T) {
	clearEnvironment(t)
	svc, err := NewServiceClient(WithAPIKey("tml-x"))
	if err != nil || svc.BaseURL() != DefaultBaseURL {
		t.Errorf("%v", err)
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	clearEnvironment(t)
	key := WithAPIKey("tml-x")
	for name, opts := range map[string][]Option{
		"no key":          nil,
		"plain http":      {key, WithBaseURL("http://example.test")},
		"no URL":          {key, WithBaseURL("example")},
		"heartbeat":       {key, WithHeartbeat(0)},
		"no HTTP client":  {key, WithHTTPClient(nil)},
		"no logger":       {key, WithLogger(nil)},
		"key with spaces": {WithAPIKey("tml-x y")},
	} {
		if _, err := NewServiceClient(opts...); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if _, err := NewServiceClient(key, WithBaseURL("http://example.test"), WithPlainHTTP()); err != nil {
		t.Error(err)
	}
}

func TestKeys(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	token := func(payload string) string {
		return "eyJh." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2ln"
	}
	for _, tt := range []struct {
		key  string
		want string // in the error; "": fine
	}{
		{"tml-abc", ""}, {token(`{"exp":1000001}`), ""}, {token(`{"exp":1000000.5}`), "in the future"},
		{"", "WithAPIKey or TINKER_API_KEY"}, {"sk-secret", "begins with tml-"}, {"tml-sécret", "printable ASCII"}, {"tml-secret\n", "printable"},
		{"eyJsecret", "three parts"}, {"eyJa.!secret.c", "numeric exp"}, {token(`{"secret":1}`), "numeric exp"},
		{token(`{"exp":"secret"}`), "numeric exp"}, {token(`{"exp":999999}`), "in the future"},
	} {
		err := checkKey(tt.key, now)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.key, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows the key: %v", err)
		}
	}
}

// What is not shown is said to be so, and not quoted as if it were the value.
func TestWhatIsNotShownIsDescribed(t *testing.T) {
	clearEnvironment(t)
	key := WithAPIKey("tml-x")
	for want, opts := range map[string][]Option{
		"tinker: the API key is 9 bytes that are not shown, must be a key that begins with tml-, or a JSON web token":                    {WithAPIKey("sk-secret")},
		"tinker: the base URL is 29 bytes that are not shown, must be without user and password: the API key belongs elsewhere":          {key, WithBaseURL("https://me:secret@tinker.test")},
		"tinker: the base URL is \"ftp://x\", must be http or https, such as https://host/prefix":                                        {key, WithBaseURL("ftp://x")},
		"tinker: WithHTTPClient is a client, must be absent with process isolation: connections and certificates do not cross processes": {key, WithProcessIsolation(), WithHTTPClient(http.DefaultClient)},
	} {
		_, err := NewServiceClient(opts...)
		if !isArgument(err) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func isArgument(err error) bool {
	_, ok := errors.AsType[*ArgumentError](err)
	return ok
}

// Nothing that a client prints of itself or of an error has the key in it.
func TestErrorsDoNotShowTheKey(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.set("/api/v1/client/config", func(seenRequest) reply { return reply{status: 401, body: `{"detail":"bad key"}`} })
		_, err := f.service(t).CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m"})
		if e, ok := errors.AsType[*APIError](err); !ok || e.Status != 401 {
			t.Errorf("got %v", err)
		}
		if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, testKey) {
			t.Error(text)
		}
	})
}
