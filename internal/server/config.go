package server

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode"
)

// Config is what New needs. It is read once. Nothing in it lets a server drain:
// Close ends what is in work at once. To lose no sample, wait for the clients
// first.
type Config struct {
	// Models are what is served: at least one, names unequal in any case.
	Models []Model

	// Key is the one API key that is accepted. Empty: any key that the
	// official client would send, which is one that starts with tml- or eyJ.
	Key string

	// AllowedHosts are the names, beside those of this machine itself
	// (localhost and the loopback addresses), under which requests may address
	// the server in their Host header, without port.
	AllowedHosts []string

	// Logger gets what operators want to see, and never a key or a prompt.
	// nil: slog.Default().
	Logger *slog.Logger

	Limits Limits

	// Flags are what the server tells its clients to do: values other than the
	// defaults, by name. An unknown name is an error; see FlagNames.
	Flags map[string]bool
}

// Limits bound what clients can make the server hold. A zero field means its
// default; a negative one is refused. None of them is a time to drain in: Close
// ends work at once.
//
// Those that begin with Key are of one API key, so that nobody takes what others
// need; the same without it is of all keys together. The default of the former
// is at most the latter.
type Limits struct {
	BodyBytes    int64         // of one request's body; 32 MiB, and never more than 4 MiB but for samples
	BodyTime     time.Duration // for a body to arrive; 60 s
	PollTime     time.Duration // that retrieve_future and retrieve_futures wait; 30 s
	SessionLapse time.Duration // without a heartbeat that ends a session; 10 min

	// Sessions alive at once: 10,000, of a key 5,000. Beyond: 429.
	Sessions, KeySessions int
	// Their samplers: 100,000, of a key 50,000. Beyond: 429.
	Samplers, KeySamplers int

	// Samples accepted and not done: 8,192, of a key 4,096. Beyond: 429.
	Queued, KeyQueued int
	// Bytes of their request bodies, and as much again of bodies that are being
	// read: 256 MiB, of a key 128 MiB. Beyond: 429.
	QueuedBytes, KeyQueuedBytes int64
	// Bytes of results, with their requests and 2 KiB beside each: 512 MiB, of a
	// key 256 MiB. What those in work may come to, together with those that wait to
	// be fetched, is kept below it: 429. Of those that were fetched the oldest are
	// forgotten: 410. One that may be larger alone: 400.
	ResultBytes, KeyResultBytes int64
	// ResultTime is how long a result is kept after its first delivery: 15 min.
	ResultTime time.Duration
}

var defaults = Limits{
	BodyBytes:      32 << 20,
	BodyTime:       time.Minute,
	PollTime:       30 * time.Second,
	SessionLapse:   10 * time.Minute,
	Sessions:       10_000,
	KeySessions:    5000,
	Samplers:       100_000,
	KeySamplers:    50_000,
	Queued:         8192,
	KeyQueued:      4096,
	QueuedBytes:    256 << 20,
	KeyQueuedBytes: 128 << 20,
	ResultBytes:    512 << 20,
	KeyResultBytes: 256 << 20,
	ResultTime:     15 * time.Minute,
}

// complete checks l and fills in the defaults.
func (l *Limits) complete() error {
	err := errors.Join(
		fill("BodyBytes", &l.BodyBytes, defaults.BodyBytes),
		fill("BodyTime", &l.BodyTime, defaults.BodyTime),
		fill("PollTime", &l.PollTime, defaults.PollTime),
		fill("SessionLapse", &l.SessionLapse, defaults.SessionLapse),
		fill("Sessions", &l.Sessions, defaults.Sessions),
		fill("Samplers", &l.Samplers, defaults.Samplers),
		fill("Queued", &l.Queued, defaults.Queued),
		fill("QueuedBytes", &l.QueuedBytes, defaults.QueuedBytes),
		fill("ResultBytes", &l.ResultBytes, defaults.ResultBytes),
		fill("ResultTime", &l.ResultTime, defaults.ResultTime),
	)
	return errors.Join(err,
		fill("KeySessions", &l.KeySessions, min(defaults.KeySessions, l.Sessions)),
		fill("KeySamplers", &l.KeySamplers, min(defaults.KeySamplers, l.Samplers)),
		fill("KeyQueued", &l.KeyQueued, min(defaults.KeyQueued, l.Queued)),
		fill("KeyQueuedBytes", &l.KeyQueuedBytes, min(defaults.KeyQueuedBytes, l.QueuedBytes)),
		fill("KeyResultBytes", &l.KeyResultBytes, min(defaults.KeyResultBytes, l.ResultBytes)),
	)
}

func fill[T int | int64 | time.Duration](name string, field *T, otherwise T) error {
	if *field < 0 {
		return fmt.Errorf("server: Limits.%s = %v is negative", name, *field)
	}
	if *field == 0 {
		*field = otherwise
	}
	return nil
}

// checkModels refuses models that requests could not tell apart.
func checkModels(models []Model) error {
	if len(models) == 0 {
		return errors.New("server: no model to serve")
	}
	seen := map[string]string{}
	for _, m := range models {
		if m.Name == "" || strings.Contains(m.Name, ":") || strings.ContainsFunc(m.Name, notInName) {
			return fmt.Errorf("server: model name %q: want text without colon, blanks and control characters", m.Name)
		}
		if m.Backend == nil {
			return fmt.Errorf("server: model %q has no backend", m.Name)
		}
		if other, ok := seen[strings.ToLower(m.Name)]; ok {
			return fmt.Errorf("server: models %q and %q have the same name", other, m.Name)
		}
		seen[strings.ToLower(m.Name)] = m.Name
	}
	return nil
}

func notInName(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }
