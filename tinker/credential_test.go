package tinker

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tinsmith.example/internal/wire"
)

// jwt is a web token with that payload.
func jwt(payload string) string {
	return "eyJh." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2ln"
}

func FuzzReadClaims(f *testing.F) {
	f.Add(jwt(`{"exp":4000000000,"iat":1.5}`))
	f.Add(jwt(`{"exp":1e300,"iat":-1e300}`))
	f.Fuzz(func(t *testing.T, token string) {
		c, err := readClaims(token)
		if err == nil && (c.expires.Year() < -2000 || c.expires.Year() > 6000) {
			t.Errorf("expires in the year %d", c.expires.Year())
		}
	})
}

func TestCredentialsComeInOrder(t *testing.T) {
	const stored = `{"version":1,"default":"k","keys":{"k":{"type":"manual","key":"tml-stored","name":"n"}}}`
	for _, tt := range []struct {
		name              string
		env, option, file string
		command           string
		want              credential
		wantErr           string
	}{
		{name: "the option", env: "tml-env", option: "tml-option", file: stored, want: credential{key: "tml-option"}},
		{name: "the environment", env: "tml-env", file: stored, want: credential{key: "tml-env"}},
		{name: "key and command", env: "tml-env", command: "c", want: credential{"tml-env", "c"}},
		{name: "the command before the file", command: "c", file: stored, want: credential{command: "c"}},
		{name: "the command for a key that is none", env: "sk-x", command: "c", want: credential{command: "c"}},
		{name: "the file", file: stored, want: credential{key: "tml-stored"}},
		{name: "a file without default", file: `{"version":1,"keys":{}}`, wantErr: "set with WithAPIKey"},
		{name: "a file of another version", file: `{"version":2,"secret":1}`, wantErr: "JSON of version 1"},
		{name: "no JSON", file: `secret`, wantErr: "JSON of version 1"},
		{name: "nothing", wantErr: "set with WithAPIKey"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			clearEnvironment(t)
			t.Setenv("TINKER_API_KEY", tt.env)
			t.Setenv("TINKER_CREDENTIAL_CMD", tt.command)
			if tt.file != "" {
				dir := filepath.Join(os.Getenv("HOME"), ".tinker")
				if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "credentials.json"), []byte(tt.file), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			c, err := newConfig([]Option{WithAPIKey(tt.option), WithLogger(slog.New(slog.DiscardHandler))})
			switch {
			case tt.wantErr == "" && (err != nil || c.credential != tt.want):
				t.Errorf("got %+v, %v", c, err)
			case tt.wantErr != "" && (err == nil || !strings.Contains(err.Error(), tt.wantErr) || strings.Contains(err.Error(), "secret")):
				t.Errorf("got %v, want %q", err, tt.wantErr)
			}
		})
	}
}

func TestACredentialCommandPrintsTheKey(t *testing.T) {
	t.Setenv("PART", "tml-")
	for _, tt := range []struct{ command, want string }{
		{`printf '\n  %ssecret \n' $PART`, "tml-secret"},
		{`echo talk >&2; echo opaque-secret`, "opaque-secret"},
		{`cat; echo nothing-to-read`, "nothing-to-read"},
		{`sleep 2 & echo left-behind`, "left-behind"},
	} {
		if got, err := runCredentialCommand(t.Context(), tt.command); err != nil || got != tt.want {
			t.Errorf("%s: %q, %v", tt.command, got, err)
		}
	}
}

// Whoever has to mend a command sees what it says, but neither the key nor the
// command itself, which may have one in it.
func TestErrorsOfACredentialCommandShowItsComplaintsAndNoKey(t *testing.T) {
	for _, tt := range []struct{ command, want, stderr string }{
		{`echo please log in >&2; exit 3`, "exit status 3", "please log in"},
		{`echo tml-secret; echo "have tml-secret, eyJsecret.a.b" >&2; exit 1`, "exit status 1", "have [key], [key]"},
		{`echo my-secret; echo not my-secret >&2; exit 1`, "exit status 1", "not [key]"},
		{`true`, "printed nothing", ""},
		{`echo two secrets`, "one word", ""},
		{`echo ` + jwt(`{"exp":1,"secret":1}`), "in the future", ""},
		{`no-such-command-secret 2>/dev/null`, "exit status 127", ""},
	} {
		_, err := runCredentialCommand(t.Context(), tt.command)
		e, ok := errors.AsType[*CredentialError](err)
		if !ok || e.Stderr != tt.stderr || !strings.Contains(err.Error(), tt.want) || strings.Contains(fmt.Sprintf("%v %#v", err, err), "secret") {
			t.Errorf("%s: got %v with %q, want %q with %q", tt.command, err, e.Stderr, tt.want, tt.stderr)
		}
	}
	if got := withoutKeys([]byte(strings.Repeat("ü", mostStderr)), ""); len(got) > mostStderr+4 || !strings.HasPrefix(got, "... ü") {
		t.Errorf("%d bytes are kept, %.20s", len(got), got)
	}
}

func TestTheContextEndsACredentialCommand(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("user left")
	time.AfterFunc(50*time.Millisecond, func() { cancel(reason) })
	if _, err := runCredentialCommand(ctx, "exec sleep 60"); err != reason {
		t.Error(err)
	}
}

// One server of its own, since a command does not run on virtual time.
func serverWithConfig(t *testing.T, config string) (url string, keys *[]string) {
	t.Helper()
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.URL.Path+" "+r.Header.Get(wire.HeaderAPIKey))
		w.Header().Set("Content-Type", wire.MediaJSON)
		switch r.URL.Path {
		case wire.PathClientConfig:
			fmt.Fprint(w, config)
		case wire.PathAuthToken:
			fmt.Fprintf(w, `{"jwt":%q}`, jwt(`{"exp":4000000000,"iat":3999990000}`))
		default:
			fmt.Fprint(w, `{"supported_models":[]}`)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, &seen
}

func TestWhichCredentialAServerGets(t *testing.T) {
	clearEnvironment(t)
	token, own := jwt(`{"exp":4000000000,"iat":3999990000}`), jwt(`{"exp":4000000001}`)
	const plain, exchange, command = `{}`, `{"pjwt_auth_enabled":true}`, `{"pjwt_auth_enabled":true,"credential_default_source":"credential_cmd"}`
	for _, tt := range []struct {
		name, config, key string
		raw, later        string // keys of the first call and of the others
		wantErr           string
	}{
		{name: "a key as it is", config: plain, key: "tml-k", raw: "tml-k", later: "tml-k"},
		{name: "a key, exchanged", config: exchange, key: "tml-k", raw: "tml-k", later: token},
		{name: "what the command prints, exchanged", config: exchange, raw: "tml-printed", later: token},
		{name: "the command and not the key", config: command, key: "tml-k", raw: "tml-printed", later: token},
		{name: "a web token and not the command", config: command, key: own, raw: own, later: token},
		{name: "only a command for a server of keys", config: plain, wantErr: "takes API keys"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url, seen := serverWithConfig(t, tt.config)
			svc, err := NewServiceClient(WithBaseURL(url), WithAPIKey(tt.key), WithCredentialCommand("echo tml-printed"))
			if err != nil {
				t.Fatal(err)
			}
			defer svc.Close(t.Context())
			_, err = svc.Capabilities(t.Context())
			if tt.wantErr != "" {
				if _, ok := errors.AsType[*CredentialError](err); !ok || !strings.Contains(err.Error(), tt.wantErr) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			list := *seen
			if last := list[len(list)-1]; last != wire.PathServerCapabilities+" "+tt.later {
				t.Errorf("the call had %s, want %s", last, tt.later)
			}
			if len(list) == 3 && list[1] != wire.PathAuthToken+" "+tt.raw || len(list) > 3 {
				t.Errorf("calls %q", list)
			}
		})
	}
	url, _ := serverWithConfig(t, command)
	svc, err := NewServiceClient(WithBaseURL(url), WithAPIKey("tml-k"))
	if err != nil {
		t.Fatal(err)
	}
	defer svc.Close(t.Context())
	if _, err := svc.Capabilities(t.Context()); err == nil || !strings.Contains(err.Error(), "TINKER_CREDENTIAL_CMD") {
		t.Errorf("a key for a server that wants a command: %v", err)
	}
}
