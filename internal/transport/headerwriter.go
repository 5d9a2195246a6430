package transport

import (
	"net/http"
	"net/textproto"
)

// A headerWriter makes a header of single values with few allocations.
type headerWriter struct {
	header http.Header
	values []string // has room for all of them
}

func newHeaderWriter(n int) *headerWriter {
	return &headerWriter{header: make(http.Header, n), values: make([]string, 0, n)}
}

func (w *headerWriter) set(name, value string) {
	w.values = append(w.values, value)
	n := len(w.values)
	w.header[textproto.CanonicalMIMEHeaderKey(name)] = w.values[n-1 : n : n]
}
