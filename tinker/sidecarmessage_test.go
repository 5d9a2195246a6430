package tinker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/url"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tinsmith.example/internal/transport"
	"tinsmith.example/internal/wire"
)

var (
	float32bits     = math.Float32bits
	float32frombits = math.Float32frombits
)

func TestErrorsCrossWithWhatIsAskedOfThem(t *testing.T) {
	refused := &url.Error{Op: "Post", URL: "http://x", Err: &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}}
	for _, err := range []*transport.Error{
		{Op: "SamplingClient.Sample", Path: wire.PathSample, RequestID: "r", Status: 503, Message: "m\xff", Attempts: 3, Elapsed: time.Second},
		{Op: "SamplingClient.Sample", Err: context.Canceled}, // before anything was sent
		{Path: wire.PathSample, Err: fmt.Errorf("%w in 2h", transport.ErrStuck)},
		{Path: wire.PathRetrieveFuture, Err: transport.ErrResultLost},
		{Path: wire.PathRetrieveFuture, Err: &transport.FailedError{Message: "too hot", Category: wire.CategoryUser}},
		{Path: wire.PathSample, Err: refused},
		{Path: wire.PathSample, Err: os.ErrDeadlineExceeded},
		{Path: wire.PathSample, Err: context.DeadlineExceeded},
		{Path: wire.PathSample, Err: io.ErrUnexpectedEOF},
		{Path: wire.PathSample, Err: &CredentialError{Stderr: "no such profile", Err: errors.New("the credential command failed")}},
		{Path: wire.PathSample, Err: &CredentialError{Err: &transport.Error{Op: "the exchange", Path: wire.PathAuthToken, Status: 403, Message: "no"}}},
	} {
		got := sidecarAnswer(t.Context(), sidecarResult(nil, err)).err
		if want := strings.ToValidUTF8(err.Error(), "\ufffd"); got.Error() != want {
			t.Errorf("%q became %q", want, got)
		}
		for _, is := range []error{transport.ErrStuck, transport.ErrResultLost, syscall.ECONNREFUSED, context.DeadlineExceeded, io.ErrUnexpectedEOF, io.EOF} {
			if errors.Is(err, is) != errors.Is(got, is) {
				t.Errorf("%v: is %v: %t", err, is, errors.Is(got, is))
			}
		}
		if timeout(err) != timeout(got) {
			t.Errorf("%v: a timeout: %t", err, timeout(got))
		}
		if fmt.Sprintf("%T", publicError(err)) != fmt.Sprintf("%T", publicError(got)) {
			t.Errorf("%v became a %T", err, publicError(got))
		}
	}
}

func TestEveryFieldOfAnErrorCrosses(t *testing.T) {
	var e transport.Error
	fill(reflect.ValueOf(&e).Elem())
	got, ok := errors.AsType[*transport.Error](sidecarAnswer(t.Context(), sidecarResult(nil, &e)).err)
	if !ok {
		t.Fatal("another error")
	}
	e.Err, got.Err = nil, nil
	if diff := cmp.Diff(&e, got); diff != "" {
		t.Errorf("sent (-), received (+):\n%s", diff)
	}
}

// fill sets the fields of a struct to something.
func fill(v reflect.Value) {
	for i := range v.NumField() {
		switch f := v.Field(i); {
		case f.CanInt():
			f.SetInt(int64(1000 + i))
		case f.Kind() == reflect.String:
			f.SetString(fmt.Sprint("text ", i))
		}
	}
}

func timeout(err error) bool {
	var e interface{ Timeout() bool }
	return errors.As(err, &e) && e.Timeout()
}

func TestTheCauseOfAnEndIsTheOneHere(t *testing.T) {
	reason := errors.New("user left")
	ctx, cancel := context.WithCancelCause(t.Context())
	canceled := sidecarResult(nil, &transport.Error{Path: wire.PathSample, Attempts: 2, Err: context.Canceled})
	cancel(reason)
	if e, ok := errors.AsType[*transport.Error](sidecarAnswer(ctx, canceled).err); !ok || e.Err != reason || e.Attempts != 2 {
		t.Errorf("%#v", e)
	}
}

// A result is as good as the one that the server sent.
func FuzzSidecarResults(f *testing.F) {
	odd := []float32{float32frombits(0x7fc12345), float32frombits(0xffc00001), float32(math.Inf(-1)), -0.1, float32frombits(0x80000000)}
	sampled := &transport.Sampled{
		Attempts: 3, Elapsed: time.Second,
		Promise: &wire.Promise{RequestID: "r", SampleSequenceIDs: []string{"a"}},
		Response: &wire.SampleResponse{PromptLogprobs: odd, Sequences: []wire.Sequence{
			{StopReason: wire.StopReasonStop, Tokens: []int32{1, math.MaxInt32, 0, 3, 4}, Logprobs: odd},
		}},
	}
	whole := sidecarResult(sampled, nil)
	a, err := parseAnswer(whole)
	if err != nil || cmp.Diff(sampled, a.sampled, cmp.Comparer(func(a, b float32) bool { return float32bits(a) == float32bits(b) })) != "" {
		f.Errorf("%v: %+v", err, a.sampled)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add(sidecarResult(nil, nil))
	f.Add(sidecarResult(nil, &transport.Error{Path: "/", Err: io.EOF}))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := parseAnswer(data)
		if err != nil {
			return
		}
		b := sidecarResult(a.sampled, a.err)
		again, err := parseAnswer(b)
		if err != nil {
			t.Fatalf("%q became %q: %v", data, b, err)
		}
		if b2 := sidecarResult(again.sampled, again.err); !bytes.Equal(b, b2) {
			t.Errorf("%q became %q", b, b2)
		}
	})
}

func FuzzHostCalls(f *testing.F) {
	f.Add(sidecarRequest(sidecarSample, &sidecarCall{Session: 1, Request: &wire.SampleRequest{}}))
	f.Add(sidecarRequest(sidecarClose, &sidecarSession{Session: 1}))
	f.Add([]byte{sidecarBeat})
	f.Fuzz(func(t *testing.T, payload []byte) {
		if len(payload) > 0 && payload[0] == sidecarOpenSampler {
			return // it would start sessions
		}
		handle := newHost(func([]byte) { t.Error("a note") })
		a, err := parseAnswer(handle(t.Context(), payload, func([]byte) { t.Error("a note") }))
		if err != nil || a.err == nil {
			t.Errorf("%q: %v, %+v", payload, err, a)
		}
	})
}
