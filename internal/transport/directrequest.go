package transport

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// A request is what a direct sends.
type request struct {
	method string
	prefix string // of the target, which ends with path; both escaped
	path   string
	host   string
	fields []field
	body   []byte // nil: none
}

// writeTo writes all of it. Nothing in a target or a header can become another
// header, or a request: such a one is refused.
func (r *request) writeTo(to *bytes.Buffer) error {
	if !token(r.method) || !target(r.prefix) || !target(r.path) || !target(r.host) {
		return fmt.Errorf("%q of %q at %q is no request", r.method, r.prefix+r.path, r.host)
	}
	for _, part := range [...]string{r.method, " ", r.prefix, r.path, " HTTP/1.1\r\nHost: ", r.host, "\r\n"} {
		to.WriteString(part)
	}
	if r.body != nil || r.method != http.MethodGet {
		to.WriteString("Content-Length: ")
		to.Write(strconv.AppendInt(to.AvailableBuffer(), int64(len(r.body)), 10))
		to.WriteString("\r\n")
	}
	for _, f := range r.fields {
		if err := writeField(to, f); err != nil {
			return err
		}
	}
	to.WriteString("\r\n")
	to.Write(r.body)
	return nil
}

// writeField leaves out what HTTP itself has to say about a request.
func writeField(to *bytes.Buffer, f field) error {
	if !token(f.name) {
		return fmt.Errorf("%q is not the name of a header", f.name)
	}
	for _, of := range [...]string{"Host", "Content-Length", "Transfer-Encoding", "Trailer"} {
		if strings.EqualFold(f.name, of) {
			return nil
		}
	}
	if !text(f.value) { // which may be a secret
		return fmt.Errorf("the value of header %s has a control character", f.name)
	}
	for _, part := range [...]string{f.name, ": ", f.value, "\r\n"} {
		to.WriteString(part)
	}
	return nil
}

// token reports whether s may be a header's name (RFC 9110, section 5.6.2).
func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		if letter := c|0x20 >= 'a' && c|0x20 <= 'z'; !letter && (c < '0' || c > '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// text reports whether s may be a header's value (section 5.5): on one line.
func text(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// target reports whether s may be part of a request's target: one word, without
// what a client keeps to itself of a URL.
func target(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '#' {
			return false
		}
	}
	return true
}
