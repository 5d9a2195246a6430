package server

import (
	"net/http"
	"time"
)

// An answerWriter is the way of one request's answer to the client. It knows how
// the client takes answers, and what it was answered.
type answerWriter struct {
	http.ResponseWriter
	encoding string // that the client takes, see chooseEncoding
	status   int    // 0: nothing yet
}

// deliveryTime is how long a client may take to read an answer, which is held for
// it meanwhile.
const deliveryTime = time.Minute

func (w *answerWriter) WriteHeader(status int) {
	w.status = status
	w.setDeadline(time.Now().Add(deliveryTime))
	w.ResponseWriter.WriteHeader(status)
}

// finish lets the connection wait for its next request. It is deferred.
func (w *answerWriter) finish() {
	if w.status != 0 {
		w.setDeadline(time.Time{})
	}
}

func (w *answerWriter) setDeadline(t time.Time) {
	// Writers without deadlines (tests) say so.
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(t)
}

func (w *answerWriter) Write(body []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(body)
}

// Unwrap is for http.ResponseController.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// unwrapped is the writer that net/http made, which alone can do some of what its
// functions ask for.
func unwrapped(w http.ResponseWriter) http.ResponseWriter {
	if a, ok := w.(*answerWriter); ok {
		return a.ResponseWriter
	}
	return w
}

// logRequest says what was asked and answered, and never a key, a query or a
// body. It is deferred.
func (s *Server) logRequest(w *answerWriter, r *http.Request, start time.Time) {
	s.log.Debug("request", "method", r.Method, "path", r.URL.Path, "status", w.status, "duration", time.Since(start).Round(time.Microsecond))
}
