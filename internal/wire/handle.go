package wire

import (
	"encoding/base64"
	"fmt"
	"unicode/utf16"
)

// MaxHandle is how long a sampler handle may be, in bytes.
const MaxHandle = 1 << 20

// A SamplerHandle is what another process needs to know, beside a key, to sample
// from a sampling session that exists. Of saved weights it has no path: the
// session knows them.
type SamplerHandle struct {
	SessionID           string       `json:"session_id"`
	SamplingSessionID   string       `json:"sampling_session_id"`
	Holder              HandleHolder `json:"holder"`
	BaseModel           string       `json:"base_model"`
	RecordStabilityInfo bool         `json:"record_stability_info"`
}

// A HandleHolder is where the session is, and what its server said when it began.
type HandleHolder struct {
	BaseURL string `json:"base_url"`
	// HeaderOverrides are sent with every call. They may hold secrets.
	HeaderOverrides map[string]string `json:"default_headers_overrides"`
	ClientConfig    ClientConfig      `json:"client_config"`
	DynamicConfig   DynamicConfig     `json:"client_dynamic_config"`
	// APIKey is null in every handle: whoever opens it has one.
	APIKey *string `json:"api_key"`
}

// Text returns the handle in the form of the official client: JSON without
// spaces and in ASCII, as base64.
func (h *SamplerHandle) Text() (string, error) {
	keyless := *h
	keyless.Holder.APIKey = nil
	b, err := Encode(&keyless)
	if err != nil {
		return "", err
	}
	return base64.URLEncoding.EncodeToString(escapeNonASCII(b)), nil
}

// DecodeSamplerHandle reads what Text writes. Whether a session of that name
// exists is not known here, but that there are names is. A key that comes along
// is dropped.
func DecodeSamplerHandle(text string) (*SamplerHandle, error) {
	if len(text) > MaxHandle {
		return nil, fmt.Errorf("a handle of %d bytes, want at most %d", len(text), MaxHandle)
	}
	b, err := base64.URLEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("not in URL-safe base64: %w", err)
	}
	h := &SamplerHandle{Holder: HandleHolder{ClientConfig: DefaultClientConfig(), DynamicConfig: DefaultDynamicConfig()}}
	if err := Decode(b, h); err != nil {
		return nil, err
	}
	h.Holder.APIKey = nil
	return h, h.Check()
}

// Check refuses a handle that lacks what it is for.
func (h *SamplerHandle) Check() error {
	for _, m := range []struct{ name, value string }{
		{"session_id", h.SessionID}, {"sampling_session_id", h.SamplingSessionID},
		{"holder.base_url", h.Holder.BaseURL}, {"base_model", h.BaseModel},
	} {
		if m.value == "" {
			return &FormatError{Path: m.name, Err: errMissing}
		}
	}
	return nil
}

// escapeNonASCII writes what is no printable ASCII in a JSON text as \u escapes,
// as Python's json does. Such characters occur in its strings only.
func escapeNonASCII(text []byte) []byte {
	var b []byte
	for _, r := range string(text) {
		switch {
		case r < 0x7f:
			b = append(b, byte(r))
		case r <= 0xffff:
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			b = fmt.Appendf(b, `\u%04x\u%04x`, high, low)
		}
	}
	return b
}
