package tinker

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"tinsmith.example/internal/transport"
	"tinsmith.example/internal/wire"
)

const (
	cancelTimeout = 30 * time.Second
	// closeCancelLimit is for how long Close may cancel requests, those of all sessions together.
	closeCancelLimit = 2 * time.Second
)

// abandoned are the requests that nobody waits for any more, but which the server
// may still work on.
type abandoned struct {
	atOnce int64
	slots  *semaphore.Weighted // cancellations on their way

	mu   sync.Mutex
	left []requestName // for Close to cancel: the session ended before that was done
}

// A requestName finds out what a request is called: "" if the server has none.
type requestName = func(context.Context) (string, error)

// newAbandoned returns what lets so many requests be canceled at once, and one at
// least.
func newAbandoned(atOnce int64) *abandoned {
	atOnce = max(atOnce, 1)
	return &abandoned{atOnce: atOnce, slots: semaphore.NewWeighted(atOnce)}
}

func (a *abandoned) leave(name requestName) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.left = append(a.left, name)
}

func (a *abandoned) take() []requestName {
	a.mu.Lock()
	defer a.mu.Unlock()
	left := a.left
	a.left = nil
	return left
}

// abandon tells the server that nobody waits for a request any more, if it wants
// to know: beside the call, or, once the session ends, in Close. It is called by
// calls of the session, so that Close comes after it.
func (s *session) abandon(name requestName) {
	if !s.dynamic.Load().SampleCancelEnabled {
		return
	}
	canceling := s.run(func() {
		if s.abandoned.slots.Acquire(s.ctx, 1) != nil {
			s.abandoned.leave(name)
			return
		}
		defer s.abandoned.slots.Release(1)
		requestID, err := s.cancelRequest(s.ctx, name, transport.Sparsely)
		switch {
		case err == nil:
		case s.ctx.Err() != nil:
			s.abandoned.leave(name)
		default:
			s.noteNotCanceled(slog.LevelError, requestID, err)
		}
	})
	if !canceling {
		s.abandoned.leave(name)
	}
}

func (s *session) noteNotCanceled(level slog.Level, requestID string, err error) {
	args := []any{"error", err}
	if requestID != "" {
		args = append(args, "request", requestID)
	}
	s.config.log.Log(context.Background(), level, "tinker: a request could not be canceled", args...)
}

func (s *session) cancelRequest(ctx context.Context, name requestName, policy transport.Policy) (requestID string, err error) {
	requestID, err = name(ctx)
	if err != nil || requestID == "" {
		return requestID, err
	}
	return requestID, s.client.Do(ctx, transport.Call{
		Path: wire.PathCancelFuture, Body: &wire.CancelFutureRequest{RequestID: requestID}, Timeout: cancelTimeout, Policy: policy,
	})
}

// cancelLeft cancels what was under way when the session ended: where its end here
// is not its end on the server, as for a copy, nothing else would stop it there. It
// tries once, until ctx ends, and no further once there is no answer: the server
// may be gone.
func (s *session) cancelLeft(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	left := s.abandoned.take()
	names := make(chan requestName)
	var workers sync.WaitGroup
	for range min(int64(len(left)), s.abandoned.atOnce) {
		workers.Go(func() {
			for name := range names {
				requestID, err := s.cancelRequest(ctx, name, transport.Once)
				e, ok := errors.AsType[*transport.Error](err)
				switch {
				case err == nil:
				case ok && e.Status == 0:
					s.config.log.Debug("tinker: requests are not canceled at the end of the session", "error", err)
					cancel()
				case ok && e.Status == http.StatusNotFound: // it is over
				default:
					s.noteNotCanceled(slog.LevelDebug, requestID, err)
				}
			}
		})
	}
	for _, name := range left {
		if ctx.Err() != nil {
			break
		}
		select {
		case names <- name:
		case <-ctx.Done():
		}
	}
	close(names)
	workers.Wait()
}
