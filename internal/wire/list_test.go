package wire

import (
	"strings"
	"testing"
)

// TestListsAreBoundedWhileTheyAreRead: one more than may be is refused by name,
// before memory is taken for the rest.
func TestListsAreBoundedWhileTheyAreRead(t *testing.T) {
	list := func(element string, n int) string { return "[" + strings.Repeat(element+",", n-1) + element + "]" }
	for _, tt := range []struct {
		name, before, element, after string
		most                         int
		says                         string
	}{
		{"chunks", `{"prompt":{"chunks":`, `{"type":"encoded_text","tokens":[]}`, `}}`, MaxChunks, "prompt.chunks: there are more than 65536 chunks"},
		{"stop strings", `{"sampling_params":{"stop":`, `"a"`, `}}`, maxStopTexts, "sampling_params.stop: there are more than 1024 stop strings"},
	} {
		for _, n := range []int{tt.most, tt.most + 1} {
			var r SampleRequest
			err := Decode([]byte(tt.before+list(tt.element, n)+tt.after), &r)
			if n == tt.most && err != nil {
				t.Errorf("%d %s: %v", n, tt.name, err)
			}
			if n > tt.most && (err == nil || !strings.Contains(err.Error(), tt.says)) {
				t.Errorf("%d %s: got %v, want %q", n, tt.name, err, tt.says)
			}
		}
	}
}
