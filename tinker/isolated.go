package tinker

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tinsmith.example/internal/sidecar"
	"tinsmith.example/internal/transport"
	"tinsmith.example/internal/wire"
)

// An isolation is what a session has in the process that samples. The zero value
// has nothing there yet.
type isolation struct {
	session *session
	process atomic.Pointer[sidecar.Process] // where the session has been opened last; nil: nowhere

	mu     sync.Mutex
	number int64                                // among the program's sessions; 0: not used
	queues map[int64]func(state, reason string) // by the samplers' numbers
}

// use gives a new sampler a number, and the session one, too.
func (i *isolation) use(queue func(state, reason string)) (session, sampler int64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.number == 0 {
		i.number = program.join(i)
		i.queues = map[int64]func(state, reason string){}
	}
	sampler = int64(len(i.queues) + 1)
	i.queues[sampler] = queue
	return i.number, sampler
}

// heartbeat returns how the latest heartbeat fared that the other process sent for
// the session; ok is false if it has sent none after since.
func (i *isolation) heartbeat(ctx context.Context, since time.Time) (err error, ok bool) {
	process := i.process.Load()
	if process == nil || ended(process) {
		return nil, false
	}
	ctx, stop := context.WithTimeout(ctx, shortTimeout)
	defer stop()
	result, err := process.Call(ctx, sidecarRequest(sidecarBeat, &sidecarAge{Session: i.number, Within: int64(time.Since(since))}), ignoreNotes)
	if err != nil {
		return nil, false
	}
	err = sidecarAnswer(ctx, result).err
	_, answered := errors.AsType[*transport.Error](err) // others are of that process, not of the heartbeat
	return err, err == nil || answered
}

// close ends what the session has in the other process, and that process if no
// other session uses it. The session's own calls have ended.
func (i *isolation) close(ctx context.Context) {
	i.mu.Lock()
	number := i.number
	i.mu.Unlock()
	if number == 0 {
		return
	}
	if process := i.process.Load(); process != nil {
		// Whoever closes may be in a hurry, but the process stays if others use it.
		ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), shortTimeout)
		defer stop()
		process.Call(ctx, sidecarRequest(sidecarClose, &sidecarSession{Session: number}), ignoreNotes) // it fails if all is gone already
	}
	program.leave(number)
}

func ignoreNotes([]byte) {}

// noted does here what was noted there.
func (i *isolation) noted(m *sidecarNote) {
	if m.Log != nil {
		m.Log.write(i.session.config.log)
	}
	if m.Queue != nil {
		i.mu.Lock()
		queue := i.queues[m.Queue.Sampler]
		i.mu.Unlock()
		if queue != nil {
			queue(m.Queue.State, m.Queue.Reason)
		}
	}
}

// An isolatedSampler is a sampler whose calls run in the program's other process.
// There it is a copy of the client here.
type isolatedSampler struct {
	isolation *isolation
	open      sidecarOpen

	opening chan struct{} // has room for one: whoever fills it may set process
	process *sidecar.Process
}

// isolate returns the sampler that state describes. Nothing is started yet.
func (s *session) isolate(state *copyState, queue func(state, reason string)) *isolatedSampler {
	sessionNumber, samplerNumber := s.isolation.use(queue)
	return &isolatedSampler{
		isolation: &s.isolation, opening: make(chan struct{}, 1),
		open: sidecarOpen{Session: sessionNumber, Sampler: samplerNumber, Copy: state, Settings: s.config.sidecarSettings()},
	}
}

func (i *isolatedSampler) Sample(ctx context.Context, call transport.SampleCall) (*transport.Sampled, error) {
	process, err := i.ready(ctx, call.Op)
	if err != nil {
		return nil, err
	}
	tell := transport.TraceOf(ctx)
	message, err := wire.Encode(&sidecarCall{
		Session: i.open.Session, Sampler: i.open.Sampler, Op: call.Op, Request: call.Request,
		PromptBytes: call.PromptBytes, Direct: call.Direct, Traced: tell != nil,
	})
	if err != nil {
		return nil, &transport.Error{Op: call.Op, Path: wire.PathSample, Err: err}
	}
	result, err := process.Call(ctx, append([]byte{sidecarSample}, message...), func(note []byte) {
		var x sidecarExchange
		if wire.Decode(note, &x) == nil {
			tell(x.exchange())
		}
	})
	if err != nil {
		return nil, isolatedError(ctx, call.Op, err)
	}
	answer := sidecarAnswer(ctx, result)
	return answer.sampled, answer.err
}

// ready returns the process once it has the sampler: with the first call, and with
// the first after a process has died.
func (i *isolatedSampler) ready(ctx context.Context, op string) (*sidecar.Process, error) {
	select {
	case i.opening <- struct{}{}:
		defer func() { <-i.opening }()
	case <-ctx.Done():
		return nil, isolatedError(ctx, op, context.Cause(ctx))
	}
	process, err := program.running(ctx)
	if err != nil {
		return nil, isolatedError(ctx, op, err)
	}
	if process == i.process {
		return process, nil
	}
	result, err := process.Call(ctx, sidecarRequest(sidecarOpenSampler, &i.open), ignoreNotes)
	if err != nil {
		return nil, isolatedError(ctx, op, err)
	}
	if err := sidecarAnswer(ctx, result).err; err != nil {
		return nil, isolatedError(ctx, op, err)
	}
	i.process = process
	i.isolation.process.Store(process)
	return process, nil
}

// isolatedError is the error of a call that did not get to the server. The end of
// its context is told as everywhere.
func isolatedError(ctx context.Context, op string, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return &transport.Error{Op: op, Path: wire.PathSample, Err: context.Cause(ctx)}
	}
	return sidecarError(op, err)
}

// checkIsolation refuses what another process cannot be given.
func (c *config) checkIsolation() error {
	if c.httpClient != nil {
		return &ArgumentError{"WithHTTPClient", described("a client"), "absent with process isolation: connections and certificates do not cross processes"}
	}
	return nil
}

// checkCrossing refuses retries that could not be the same in another process,
// where sampling runs in one.
func (c *config) checkCrossing(r *RetryConfig) error {
	if c.isolated && r.Retryable != nil {
		return &ArgumentError{"Retry.Retryable", described("a function"), "nil with process isolation: functions do not cross processes"}
	}
	return nil
}

func (c *config) sidecarSettings() sidecarSettings {
	return sidecarSettings{
		APIKey: c.credential.key, CredentialCommand: c.credential.command, AllowPlainHTTP: c.allowPlainHTTP,
		Heartbeat: int64(c.heartbeat), Header: c.header, LogLevel: lowestLevel(c.log),
	}
}

// lowestLevel is the lowest of the levels that a logger wants.
func lowestLevel(log *slog.Logger) int {
	levels := []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}
	i := slices.IndexFunc(levels, func(l slog.Level) bool { return log.Enabled(context.Background(), l) })
	if i < 0 {
		return int(slog.LevelError) + 1
	}
	return int(levels[i])
}

// write logs what would have been logged here.
func (m *sidecarLog) write(log *slog.Logger) {
	ctx := context.Background()
	level := slog.Level(m.Level)
	if !log.Enabled(ctx, level) {
		return
	}
	record := slog.NewRecord(time.Unix(0, m.Time), level, m.Message, 0)
	for _, attr := range m.Attrs {
		record.AddAttrs(slog.String(attr[0], attr[1]))
	}
	log.Handler().Handle(ctx, record)
}
