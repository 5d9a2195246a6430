package server

import (
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Bounds of a connection. Bodies and long polls have deadlines of their own.
const (
	headerTime  = 10 * time.Second // for a request's headers to arrive
	idleTime    = 2 * time.Minute  // that a connection may wait for its next request
	headerBytes = 64 << 10         // of one request's headers
)

// Serve answers the connections that l accepts, in HTTP/1.1 and in HTTP/2
// without TLS, until Close, and then returns http.ErrServerClosed. It closes l.
func (s *Server) Serve(l net.Listener) error {
	h := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    headerBytes,
		Protocols:         new(http.Protocols),
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	h.Protocols.SetHTTP1(true)
	h.Protocols.SetUnencryptedHTTP2(true)
	if !s.listen(h) {
		_ = l.Close()
		return http.ErrServerClosed
	}
	return h.Serve(l)
}

// listen notes that h must be shut down on Close; false if that has come.
func (s *Server) listen(h *http.Server) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.listening[h] = true
	return true
}
