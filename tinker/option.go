package tinker

import (
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"tinsmith.example/internal/transport"
)

// Version is the version of this package, as the server sees it.
const Version = "0.1.0"

// DefaultBaseURL is the server that is used where neither an option nor the
// environment names one.
const DefaultBaseURL = "https://tinker.thinkingmachines.dev/services/tinker-prod"

// config is what options and environment say. It is read-only once a client has
// it.
type config struct {
	baseURL           string
	apiKey            string
	credentialCommand string
	credential        credential // what these two come to
	allowPlainHTTP    bool
	handleServers     []string // whose handles are opened, beside those of baseURL
	isolated          bool     // sampling runs in a process of its own
	hosted            bool     // this is that process
	httpClient        *http.Client
	tags              []string
	userMetadata      map[string]string
	projectID         string
	displayName       string
	heartbeat         time.Duration
	telemetry         bool
	observers         []Observer
	header            http.Header // with every call
	log               *slog.Logger
}

// An Option configures a ServiceClient. Of options that say the same thing, the
// last one counts, but for those that add something.
type Option func(*config) error

// WithBaseURL sets the server's URL, with any path prefix. It must be https, or
// http to this machine (see [WithPlainHTTP]). The default is TINKER_BASE_URL,
// and without that DefaultBaseURL. The empty text means the default.
func WithBaseURL(url string) Option {
	return func(c *config) error {
		if url != "" {
			c.baseURL = url
		}
		return nil
	}
}

// WithAPIKey sets the credential: an API key, which begins with tml-, or a JSON
// web token. The default is TINKER_API_KEY, without that the credential command,
// and without that the default key in ~/.tinker/credentials.json, where the
// official client's login command stores it. The empty text means the default.
func WithAPIKey(key string) Option {
	return func(c *config) error {
		if key != "" {
			c.apiKey = key
		}
		return nil
	}
}

// WithCredentialCommand sets a command that prints the credential, for those that
// expire. The system's shell runs it, with this program's environment, whenever
// a key has to be exchanged for a web token of the server: at the beginning, and
// whenever half of a token's lifetime is over. Its output counts without the
// white space around it; it has a minute. A key that is set comes first, unless
// the server wants the command. The default is TINKER_CREDENTIAL_CMD. The empty
// text means the default.
//
// If the command fails, calls do with a *CredentialError, which has what it wrote
// to its standard error.
func WithCredentialCommand(command string) Option {
	return func(c *config) error {
		if command != "" {
			c.credentialCommand = command
		}
		return nil
	}
}

// WithPlainHTTP allows http to other machines than this one. The API key and
// all prompts are then readable on the way: it is for networks that are trusted.
func WithPlainHTTP() Option {
	return func(c *config) error {
		c.allowPlainHTTP = true
		return nil
	}
}

// WithHandleServers lets the client open handles and copies that were made for
// other servers than its own: those with these base URLs. The key is sent there.
func WithHandleServers(urls ...string) Option {
	return func(c *config) error {
		c.handleServers = append(c.handleServers, urls...)
		return nil
	}
}

// WithProcessIsolation makes sampling and log probabilities run in a process of
// their own, one for the whole program and all of its clients. It is for programs
// that compute a lot in many goroutines: what waits for a turn of the Go scheduler
// there answers late here, heartbeats too, and a session whose heartbeats stay out
// ends. Results and errors are the same. The environment may ask for it with
// TINKER_SUBPROCESS_SAMPLING.
//
// The process is this program's executable, started again; it ends in the init
// function of this package, before main, TestMain or flags, and with the last
// ServiceClient that uses it. If it dies, the calls that it ran fail with a
// *SidecarError, and the next call starts another one. A start that fails is a
// *SidecarError as well, of CreateSamplingClient or of a copy's first call; so it
// is on systems that cannot pass a socket to a process, where it wraps
// errors.ErrUnsupported.
//
// What cannot cross to another process is refused with an *ArgumentError:
// WithHTTPClient, and Retry.Retryable.
func WithProcessIsolation() Option {
	return func(c *config) error {
		c.isolated = true
		return nil
	}
}

// WithHTTPClient makes the calls go through a copy of client, for proxies,
// certificates or tests. Redirects are never followed, whatever its policy, and
// its Timeout is not used: contexts bound calls. Its idle connections stay the
// caller's to close.
func WithHTTPClient(client *http.Client) Option {
	return func(c *config) error {
		if client == nil {
			return &ArgumentError{"WithHTTPClient", nil, "a client"}
		}
		c.httpClient = client
		return nil
	}
}

// WithTags adds tags to the session, beside those of TINKER_TAGS.
func WithTags(tags ...string) Option {
	return func(c *config) error {
		c.tags = append(c.tags, tags...)
		return nil
	}
}

// WithUserMetadata gives the session metadata that listings show. The map is
// copied.
func WithUserMetadata(metadata map[string]string) Option {
	return func(c *config) error {
		c.userMetadata = maps.Clone(metadata)
		return nil
	}
}

// WithProjectID says which project the session belongs to. The default is
// TINKER_PROJECT_ID.
func WithProjectID(id string) Option {
	return func(c *config) error {
		c.projectID = id
		return nil
	}
}

// WithDisplayName gives the session a name for people.
func WithDisplayName(name string) Option {
	return func(c *config) error {
		c.displayName = name
		return nil
	}
}

// WithHeartbeat sets how often the client tells the server that its session is
// alive. It must be positive. The default is 10 s.
func WithHeartbeat(every time.Duration) Option {
	return func(c *config) error {
		if every <= 0 {
			return &ArgumentError{"WithHeartbeat", every, "positive"}
		}
		c.heartbeat = every
		return nil
	}
}

// WithTelemetry says whether the server is told of the session's beginning and
// end and of calls that failed: never of a prompt, a header or a key. The default
// is TINKER_TELEMETRY, and without that yes.
func WithTelemetry(on bool) Option {
	return func(c *config) error {
		c.telemetry = on
		return nil
	}
}

// WithLogger sets where warnings go: about retries, pauses and a server that
// does not answer. The default is slog.Default(), unless TINKER_LOG asks for the
// standard error.
func WithLogger(log *slog.Logger) Option {
	return func(c *config) error {
		if log == nil {
			return &ArgumentError{"WithLogger", nil, "a logger"}
		}
		c.log = log
		return nil
	}
}

// newConfig applies the options to what the environment says.
func newConfig(opts []Option) (*config, error) {
	c := fromEnvironment()
	for _, opt := range opts {
		if err := opt(&c); err != nil {
			return nil, err
		}
	}
	slices.Sort(c.tags)
	c.tags = slices.Compact(c.tags)
	var err error
	if c.credential, err = newCredential(&c); err != nil {
		return nil, err
	}
	if c.isolated {
		if err := c.checkIsolation(); err != nil {
			return nil, err
		}
	}
	return &c, nil
}

// transport makes the client that carries the calls to a server, with header
// beside what the configuration says. It has no key yet: that is for the server to
// say.
func (c *config) transport(baseURL string, header http.Header) (*transport.Client, error) {
	client, err := transport.New(transport.Config{
		BaseURL: baseURL, AllowPlainHTTP: c.allowPlainHTTP, HTTP: c.httpClient,
		Header: header, UserAgent: "Tinsmith-Go/" + Version, BillingPause: time.Hour, Log: c.log,
	})
	if bad, ok := errors.AsType[*transport.BaseURLError](err); ok {
		var value any = bad.Value
		if bad.Value != baseURL { // it may have a secret in it
			value = notShown(baseURL)
		}
		return nil, &ArgumentError{"the base URL", value, bad.Limit}
	}
	return client, err
}
