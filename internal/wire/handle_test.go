package wire

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// recordedHandle is one that the official client made, with what is in it.
func recordedHandle(t testing.TB) (text string, fields map[string]any) {
	t.Helper()
	var recorded struct {
		Handle  string
		Decoded map[string]any
	}
	data, err := os.ReadFile("testdata/14-sampler-handle.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &recorded); err != nil {
		t.Fatal(err)
	}
	return recorded.Handle, recorded.Decoded
}

func TestAHandleIsTheOfficialTextToTheByte(t *testing.T) {
	text, fields := recordedHandle(t)
	h, err := DecodeSamplerHandle(text)
	if err != nil {
		t.Fatal(err)
	}
	if h.SessionID != fields["session_id"] || h.SamplingSessionID != fields["sampling_session_id"] || h.BaseModel != fields["base_model"] {
		t.Errorf("read %+v", h)
	}
	if !h.Holder.ClientConfig.CompressForwardBackward || h.Holder.DynamicConfig.RefreshSeconds != 300 {
		t.Errorf("read %+v", h.Holder)
	}
	again, err := h.Text()
	if err != nil {
		t.Fatal(err)
	}
	if again != text {
		t.Errorf("written again it is\n%s\nwant\n%s", again, text)
	}
}

// Python writes ASCII only, so that a handle survives whatever passes it on.
func TestHandlesAreASCII(t *testing.T) {
	h, err := DecodeSamplerHandle(handleOf(t, map[string]any{"base_model": "org/modèle-\u007f\u2028\U0001F642<&>\"\\\n"}))
	if err != nil {
		t.Fatal(err)
	}
	text, err := h.Text()
	if err != nil {
		t.Fatal(err)
	}
	b, err := base64.URLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	const want = `"base_model":"org/mod\u00e8le-\u007f\u2028\ud83d\ude42<&>\"\\\n"`
	if !strings.Contains(string(b), want) {
		t.Errorf("%s\nlacks %s", b, want)
	}
	again, err := DecodeSamplerHandle(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(h, again); diff != "" {
		t.Errorf("read again (+):\n%s", diff)
	}
}

// handleOf is the recorded handle with other fields.
func handleOf(t testing.TB, changed map[string]any) string {
	t.Helper()
	_, fields := recordedHandle(t)
	for name, value := range changed {
		fields[name] = value
	}
	b, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return base64.URLEncoding.EncodeToString(b)
}

func TestBadHandlesAreRefused(t *testing.T) {
	text, _ := recordedHandle(t)
	for name, tt := range map[string]struct{ text, want string }{
		"empty":              {"", "body"},
		"cut short":          {text[:len(text)/2-1], "base64"},
		"cut short by fours": {text[:len(text)/8*4], "ends too early"},
		"another alphabet":   {strings.Repeat("+", 8), "base64"},
		"too long":           {strings.Repeat("A", MaxHandle+4), "at most 1048576"},
		"not JSON":           {base64.URLEncoding.EncodeToString([]byte("tinker")), "body"},
		"no session":         {handleOf(t, map[string]any{"session_id": nil}), "session_id: is required"},
		"no sampler":         {handleOf(t, map[string]any{"sampling_session_id": ""}), "sampling_session_id: is required"},
		"no server":          {handleOf(t, map[string]any{"holder": map[string]any{}}), "holder.base_url: is required"},
		"no model":           {handleOf(t, map[string]any{"base_model": ""}), "base_model: is required"},
		"a number as a name": {handleOf(t, map[string]any{"session_id": 3}), "session_id"},
	} {
		if _, err := DecodeSamplerHandle(tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

func TestAHandleCarriesNoKey(t *testing.T) {
	_, fields := recordedHandle(t)
	holder := fields["holder"].(map[string]any)
	holder["api_key"] = "tml-secret"
	h, err := DecodeSamplerHandle(handleOf(t, map[string]any{"holder": holder}))
	if err != nil || h.Holder.APIKey != nil {
		t.Fatal(h, err)
	}
	h.Holder.APIKey = new("tml-secret")
	text, err := h.Text()
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := base64.URLEncoding.DecodeString(text); strings.Contains(string(b), "secret") {
		t.Errorf("%s", b)
	}
}

func FuzzDecodeSamplerHandle(f *testing.F) {
	text, _ := recordedHandle(f)
	f.Add(text)
	f.Add(handleOf(f, map[string]any{"base_model": "é\U0001F642"}))
	f.Fuzz(func(t *testing.T, text string) {
		h, err := DecodeSamplerHandle(text)
		if err != nil {
			return
		}
		again, err := h.Text()
		if err != nil {
			t.Fatal(err)
		}
		if h, err = DecodeSamplerHandle(again); err != nil {
			t.Fatal(err)
		}
		if text, err := h.Text(); err != nil || text != again {
			t.Errorf("%v\n%s became\n%s", err, again, text)
		}
	})
}
