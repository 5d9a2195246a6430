package tinker

import (
	"bytes"
	"encoding"
	"fmt"
	"sync"
	"time"

	"tinsmith.example/internal/wire"
)

// What MarshalBinary writes begins with copyMagic and one byte of version; a
// copyState in JSON follows.
const (
	copyMagic   = "tinker copy "
	copyVersion = 1
)

var (
	_ encoding.BinaryMarshaler   = (*SamplingClient)(nil)
	_ encoding.BinaryUnmarshaler = (*SamplingClient)(nil)
)

// A copyState is a client without what belongs to a process.
type copyState struct {
	Handle   *wire.SamplerHandle `json:"handle"`
	Retry    copyRetry           `json:"retry"`
	Isolated bool                `json:"isolated"`
}

// A copyRetry is a RetryConfig without its function. Durations are nanoseconds.
type copyRetry struct {
	MaxConcurrent    int      `json:"max_concurrent"`
	ProgressTimeout  int64    `json:"progress_timeout"`
	BaseDelay        int64    `json:"base_delay"`
	MaxDelay         int64    `json:"max_delay"`
	Jitter           *float64 `json:"jitter,omitzero"`
	NoRetry          bool     `json:"no_retry"`
	NoStuckDetection bool     `json:"no_stuck_detection"`
}

func (r *RetryConfig) copied() copyRetry {
	return copyRetry{
		MaxConcurrent: r.MaxConcurrent, ProgressTimeout: int64(r.ProgressTimeout), BaseDelay: int64(r.BaseDelay),
		MaxDelay: int64(r.MaxDelay), Jitter: r.Jitter, NoRetry: r.NoRetry, NoStuckDetection: r.NoStuckDetection,
	}
}

func (r *copyRetry) config() RetryConfig {
	return RetryConfig{
		MaxConcurrent: r.MaxConcurrent, ProgressTimeout: time.Duration(r.ProgressTimeout), BaseDelay: time.Duration(r.BaseDelay),
		MaxDelay: time.Duration(r.MaxDelay), Jitter: r.Jitter, NoRetry: r.NoRetry, NoStuckDetection: r.NoStuckDetection,
	}
}

// MarshalBinary returns the client as bytes for another process, or for this one,
// to make a copy of: what [SamplingClient.Handle] says, the retry configuration,
// and whether calls run in a process of their own ([WithProcessIsolation]).
// Neither key nor connection is in them, so they may be stored and sent, for
// instance by encoding/gob. They are good for as long as the session lives.
//
// What cannot travel is an *ArgumentError: a Retryable function, and header
// overrides of an official handle, which may be secret (Handle hands them on).
// OnQueueState stays here: copies log why they wait.
func (c *SamplingClient) MarshalBinary() ([]byte, error) {
	state, err := c.copyState()
	if err != nil {
		return nil, err
	}
	if len(state.Handle.Holder.HeaderOverrides) > 0 {
		return nil, &ArgumentError{"the client's header overrides", described("there, with values that are not shown"), "none in a client that is marshalled: use Handle"}
	}
	b, err := wire.Encode(state)
	if err != nil {
		return nil, fmt.Errorf("tinker: SamplingClient.MarshalBinary: %w", err)
	}
	return append(append([]byte(copyMagic), copyVersion), b...), nil
}

// copyState is what crosses to another process. Functions do not.
func (c *SamplingClient) copyState() (*copyState, error) {
	if err := c.made(); err != nil {
		return nil, err
	}
	if c.retry.Retryable != nil {
		return nil, &ArgumentError{"Retry.Retryable", described("a function"), "nil in a client that goes to another process"}
	}
	return &copyState{Handle: c.handle(), Retry: c.retry.copied(), Isolated: c.isolated}, nil
}

// UnmarshalBinary makes c, a new SamplingClient, a copy of the client that data
// is from. The copy belongs to the [DefaultServiceClient], with whose key it makes
// its calls and whose Close ends it. But for the retries, which are its
// original's, it is as one that [ServiceClient.SamplingClientFromHandle] returns;
// where data is from another server than the default client's, that is an
// *ArgumentError, too.
//
// Data that is cut short, changed, or from a newer version of this package is an
// *ArgumentError, and leaves c as it was.
func (c *SamplingClient) UnmarshalBinary(data []byte) error {
	state, err := parseCopy(data)
	if err != nil {
		return err
	}
	svc, err := DefaultServiceClient()
	if err != nil {
		return err
	}
	return c.open(svc, state, nil)
}

// parseCopy reads what MarshalBinary writes.
func parseCopy(data []byte) (*copyState, error) {
	refuse := func(limit string) error {
		return &ArgumentError{"the data of a SamplingClient", notShown(string(data)), limit}
	}
	if len(data) > wire.MaxHandle {
		return nil, refuse(fmt.Sprintf("at most %d bytes", wire.MaxHandle))
	}
	rest, ok := bytes.CutPrefix(data, []byte(copyMagic))
	if !ok || len(rest) == 0 {
		return nil, refuse("what MarshalBinary returned")
	}
	if version := rest[0]; version != copyVersion {
		return nil, refuse(fmt.Sprintf("of version %d, and is of version %d", copyVersion, version))
	}
	state := &copyState{}
	if err := wire.DecodeStrict(rest[1:], state); err != nil {
		return nil, refuse("what MarshalBinary returned: " + err.Error())
	}
	if state.Handle == nil || len(state.Handle.Holder.HeaderOverrides) > 0 || state.Handle.Holder.APIKey != nil {
		return nil, refuse("with a handle, and without headers or a key in it")
	}
	if err := state.Handle.Check(); err != nil {
		return nil, refuse("what MarshalBinary returned: " + err.Error())
	}
	retry := state.Retry.config()
	return state, retry.check()
}

// defaultService is the ServiceClient of copies that were unmarshalled.
var defaultService struct {
	sync.Mutex
	client *ServiceClient
}

// DefaultServiceClient returns the ServiceClient that unmarshalled copies belong
// to: the one of SetDefaultServiceClient, or one that the first call makes from
// the environment (TINKER_API_KEY, TINKER_BASE_URL and so on), as
// NewServiceClient without options does. Close it before the program ends.
func DefaultServiceClient() (*ServiceClient, error) {
	defaultService.Lock()
	defer defaultService.Unlock()
	if defaultService.client == nil {
		client, err := NewServiceClient()
		if err != nil {
			return nil, err
		}
		defaultService.client = client
	}
	return defaultService.client, nil
}

// SetDefaultServiceClient sets what DefaultServiceClient returns from now on; nil
// is one made from the environment. It does not close the client of before.
func SetDefaultServiceClient(c *ServiceClient) {
	defaultService.Lock()
	defer defaultService.Unlock()
	defaultService.client = c
}
