package tinker

import (
	"errors"
	"testing"
)

// Each thing is said once: which call, which process, what it was at, and why.
func TestSidecarErrorsSayEachThingOnce(t *testing.T) {
	for _, tt := range []struct {
		want string
		err  SidecarError
	}{
		{"tinker: SamplingClient.Sample: the process that samples (7) failed during the call: it ended (signal: killed)",
			SidecarError{"SamplingClient.Sample", SidecarRun, 7, errors.New("it ended (signal: killed)")}},
		{"tinker: SamplingClient.Sample: the process that samples could not be started: no such file",
			SidecarError{"SamplingClient.Sample", SidecarStart, 0, errors.New("no such file")}},
		{"tinker: SamplingClient.Sample: the process that samples could not be asked: the API key is 1",
			SidecarError{"SamplingClient.Sample", SidecarCall, 0, errors.New("tinker: the API key is 1")}},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}
