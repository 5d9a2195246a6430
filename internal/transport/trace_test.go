package transport

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
)

func TestATraceIsToldOfEachRequest(t *testing.T) {
	statuses := []int{503, 200}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "0.001")
		w.WriteHeader(statuses[0])
		statuses = statuses[1:]
	}))
	defer server.Close()
	client, err := New(Config{BaseURL: server.URL, APIKey: "tml-test", UserAgent: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var outer, inner []int
	ctx := WithTrace(t.Context(), func(x Exchange) { outer = append(outer, x.Attempt*1000+x.Status) })
	ctx = WithTrace(ctx, func(x Exchange) {
		inner = append(inner, x.Attempt*1000+x.Status)
		if x.Method != http.MethodPost || x.Path != "/path" || x.Started.IsZero() || x.Elapsed <= 0 || x.Err != nil {
			t.Errorf("%+v", x)
		}
	})
	if err := client.Do(ctx, Call{Path: "/path", Policy: Briefly}); err != nil {
		t.Fatal(err)
	}
	if want := []int{1503, 2200}; !slices.Equal(inner, want) || !slices.Equal(outer, want) {
		t.Errorf("told %v within, %v without, want %v", inner, outer, want)
	}
}
