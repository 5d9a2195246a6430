package tinker

import (
	"encoding/json"
	"math"
	"testing"

	"tinsmith.example/internal/wire"
)

func TestLogprobsInJSON(t *testing.T) {
	nan := float32(math.NaN())
	for _, tt := range []struct {
		l    Logprobs
		want string
	}{
		{Logprobs{nan, -0.25, -11.1}, `[null,-0.25,-11.1]`}, {Logprobs{}, `[]`}, {nil, `null`},
	} {
		b, err := json.Marshal(tt.l)
		if err != nil || string(b) != tt.want {
			t.Errorf("got %s, %v, want %s", b, err, tt.want)
			continue
		}
		var again Logprobs
		if err := json.Unmarshal(b, &again); err != nil {
			t.Error(err)
		}
		if len(again) != len(tt.l) || (again == nil) != (tt.l == nil) {
			t.Errorf("%s became %v", b, again)
		}
		for i, p := range again {
			if math.Float32bits(p) != math.Float32bits(tt.l[i]) && !(p != p && tt.l[i] != tt.l[i]) {
				t.Errorf("%s became %v", b, again)
			}
		}
	}
	if b, err := json.Marshal(Logprobs{float32(math.Inf(-1))}); err == nil {
		t.Errorf("-Inf became %s", b)
	}
	var l Logprobs
	if err := json.Unmarshal([]byte(`["x"]`), &l); err == nil {
		t.Errorf("text became %v", l)
	}
}

// The constants are written out, so that go doc shows them; they are what
// servers send.
func TestConstantsAreThoseOfTheWire(t *testing.T) {
	for ours, theirs := range map[string]string{
		string(CategoryUser): wire.CategoryUser, string(CategoryServer): wire.CategoryServer, string(CategoryUnknown): wire.CategoryUnknown,
		string(QueueActive): wire.QueueActive, string(QueuePausedCapacity): wire.QueuePausedCapacity,
		string(QueuePausedRateLimit): wire.QueuePausedRateLimit,
		string(StopReasonStop):       string(wire.StopReasonStop), string(StopReasonLength): string(wire.StopReasonLength),
	} {
		if ours != theirs {
			t.Errorf("%q here, %q there", ours, theirs)
		}
	}
}
