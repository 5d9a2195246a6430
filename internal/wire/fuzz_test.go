package wire

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// What a request decodes to is written, and decodes to the same again.
func FuzzDecodeSampleRequest(f *testing.F) {
	files, err := filepath.Glob("testdata/*-asample-*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var e struct {
			Request struct {
				Body jsonBody `json:"body"`
			} `json:"request"`
		}
		if err := Decode(data, &e); err != nil {
			f.Fatal(file, err)
		}
		f.Add([]byte(e.Request.Body))
	}
	f.Add([]byte(`{"x":[[[[]]]],"sampling_params":{"stop":["a",1]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var r SampleRequest
		if Decode(data, &r) != nil {
			return
		}
		r.UnknownSet()
		b, err := Encode(&r)
		if err != nil {
			t.Fatalf("%q was read but cannot be written: %v", data, err)
		}
		var again SampleRequest
		if err := Decode(b, &again); err != nil {
			t.Fatalf("%s, written from %q, cannot be read: %v", b, data, err)
		}
		b2, err := Encode(&again)
		if err != nil || string(b) != string(b2) {
			t.Fatalf("%q was written as %s and then as %s (%v)", data, b, b2, err)
		}
	})
}

func FuzzDecodeFutureAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"type":"try_again","request_id":"r","queue_state":"paused_capacity","queue_state_reason":"full"}`,
		`{"status":"complete_metadata","response_payload_size":12582912}`,
		`{"error":"boom","category":"user"}`, `{"detail":"x"}`, `null`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		answer, err := DecodeFutureAnswer(data)
		if (answer == nil) == (err == nil) {
			t.Fatalf("%q: answer %v and error %v", data, answer, err)
		}
		ErrorMessage(data)
	})
}

// What a result decodes to is written, and decodes to the same again.
func FuzzDecodeSampleResponse(f *testing.F) {
	files, err := filepath.Glob("testdata/*-retrieve-*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var e struct {
			Response struct {
				BodyBase64 string `json:"body_base64"`
			} `json:"response"`
		}
		if err := Decode(data, &e); err != nil {
			f.Fatal(file, err)
		}
		if body, err := base64.StdEncoding.DecodeString(e.Response.BodyBase64); err == nil {
			f.Add(body)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := DecodeSampleResponse(data)
		if err != nil {
			return
		}
		b, err := r.MarshalBinary()
		if err != nil {
			t.Fatalf("%x was read but cannot be written: %v", data, err)
		}
		again, err := DecodeSampleResponse(b)
		if diff := cmp.Diff(r, again, cmpopts.EquateNaNs()); err != nil || diff != "" {
			t.Fatalf("%x: %v\n%s", data, err, diff)
		}
	})
}

// jsonBody is a member kept as it came.
type jsonBody []byte

func (b *jsonBody) UnmarshalJSON(data []byte) error {
	*b = append((*b)[:0], data...)
	return nil
}
