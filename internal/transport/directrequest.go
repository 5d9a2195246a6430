package transport

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// writeRequest writes a request with its whole body, which it closes. Nothing in
// a header can become another header, or a request: such a one is refused.
func writeRequest(to *bytes.Buffer, req *http.Request) error {
	body := req.Body
	if body == nil {
		body = http.NoBody
	}
	defer body.Close()
	target := req.URL.RequestURI()
	if !token(req.Method) || !text(target) || !text(req.Host) {
		return fmt.Errorf("%q of %q at %q is no request", req.Method, target, req.Host)
	}
	for _, part := range []string{req.Method, " ", target, " HTTP/1.1\r\nHost: ", req.Host, "\r\n"} {
		to.WriteString(part)
	}
	if req.Body != nil || req.Method != http.MethodGet {
		to.WriteString("Content-Length: ")
		to.Write(strconv.AppendInt(to.AvailableBuffer(), req.ContentLength, 10))
		to.WriteString("\r\n")
	}
	if err := writeHeader(to, req.Header); err != nil {
		return err
	}
	to.WriteString("\r\n")
	n, err := io.Copy(to, body)
	if err == nil && n != req.ContentLength {
		err = fmt.Errorf("the body has %d bytes and not %d", n, req.ContentLength)
	}
	return err
}

// writeHeader leaves out what HTTP itself has to say about a request.
func writeHeader(to *bytes.Buffer, header http.Header) error {
	for name, values := range header {
		switch name {
		case "Host", "Content-Length", "Transfer-Encoding", "Trailer":
			continue
		}
		if !token(name) {
			return fmt.Errorf("%q is not the name of a header", name)
		}
		for _, value := range values {
			if !text(value) { // which may be a secret
				return fmt.Errorf("the value of header %s has a control character", name)
			}
			for _, part := range []string{name, ": ", value, "\r\n"} {
				to.WriteString(part)
			}
		}
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
