package server

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"tinsmith.example/internal/wire"
)

// A statusError is a request that is refused: the HTTP status and what the
// client is told.
type statusError struct {
	status int
	detail string
}

func (e *statusError) Error() string { return e.detail }

// maxDetail is how many bytes of a refusal are sent, and of a text that it
// quotes: clients may have sent any length of it.
const maxDetail = 4 << 10

// refuse makes a statusError.
func refuse(status int, format string, args ...any) error {
	for i, a := range args {
		if text, ok := a.(string); ok {
			args[i] = clip(text)
		}
	}
	return &statusError{status, clip(fmt.Sprintf(format, args...))}
}

func clip(text string) string {
	if len(text) <= maxDetail {
		return text
	}
	return strings.ToValidUTF8(text[:maxDetail], "") + " ..."
}

// writeJSON answers with a message. Its length is always announced: clients
// take a 400 without one for a proxy's.
func writeJSON(w http.ResponseWriter, status int, message any) {
	body, err := wire.Encode(message)
	if err != nil {
		panic(err) // our own messages have JSON forms
	}
	write(w, status, wire.MediaJSON, body)
}

// writeDetail answers with an error.
func writeDetail(w http.ResponseWriter, status int, detail string) {
	writeJSON(w, status, wire.ErrorBody{Detail: detail})
}

// largeAnswer waits for room to make an answer in, which takes about so many bytes
// until it is written; small ones need none. The binary form of a result needs none
// either, as it is kept anyway. An error says that the client has gone meanwhile.
func (s *Server) largeAnswer(r *http.Request, bytes int64) (release func(), err error) {
	if bytes <= smallBody {
		return func() {}, nil
	}
	return s.answers.acquire(r.Context(), s.tenant(r), bytes)
}

// write answers with a body, which is compressed if it is no error, long enough
// and the client takes it so.
func write(w http.ResponseWriter, status int, mediaType string, body []byte) {
	h := w.Header()
	if a, ok := w.(*answerWriter); ok && status == http.StatusOK && len(body) >= compressFrom {
		h.Add("Vary", "Accept-Encoding")
		if small, ok := compress(a.encoding, body); ok {
			h.Set("Content-Encoding", a.encoding)
			body = small
		}
	}
	h.Set("Content-Type", mediaType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// An error here means that the client has gone. Who needs to know (the
	// delivery of results) asks the connection itself.
	_, _ = w.Write(body)
}
