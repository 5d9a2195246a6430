package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
)

// An action is what to do about an answer.
type action uint8

const (
	done      action = iota // read it
	pollAgain               // ask again, at once if the server held the poll
	backOff                 // wait, then send the same again
	pushBack                // asample: hold the session's samples for a moment, then send the same again
	pause                   // 402: wait for the bill to be paid, for as long as that is allowed
	complain                // a poll was called malformed: ask again, but only a few times
	resubmit                // the result is lost
	fail
)

var actionNames = [...]string{"done", "poll again", "back off", "push back", "pause", "complain", "resubmit", "fail"}

func (a action) String() string { return actionNames[a] }

// transient reports whether status is worth another try.
func transient(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooManyRequests:
		return true
	}
	return status >= 500
}

// hopeless reports whether err, for which no answer came, will come again.
func hopeless(err error) bool {
	if _, ok := errors.AsType[*oversizeError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*unsendableError](err); ok {
		return true
	}
	if e, ok := errors.AsType[*credentialError](err); ok {
		return !Retryable(e.error)
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return true
	}
	if errors.Is(err, http.ErrSchemeMismatch) { // https to a server of plain http
		return true
	}
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}

// classifyCall is for calls that answer at once.
func classifyCall(a answer) action {
	switch {
	case a.status == 0 && hopeless(a.err):
		return fail
	case a.status == 0:
		return backOff
	case a.status >= 200 && a.status < 300:
		return done
	case a.status == http.StatusPaymentRequired:
		return pause
	case a.header.Get("X-Should-Retry") == "true":
		return backOff
	case a.header.Get("X-Should-Retry") == "false":
		return fail
	case transient(a.status), a.fromEdge():
		return backOff
	}
	return fail
}

// classifySubmit is for asample.
func classifySubmit(a answer) action {
	if a.status == http.StatusTooManyRequests {
		return pushBack
	}
	return classifyCall(a)
}

// classifyWatch is for retrieve_futures.
func classifyWatch(a answer) action {
	if a.status == http.StatusBadRequest && !a.fromEdge() {
		return complain
	}
	if what := classifySubmit(a); what != pushBack {
		return what
	}
	return backOff
}

// classifyPoll is for retrieve_future. A done answer may still say, in its
// body, that the result is not there.
func classifyPoll(a answer) action {
	switch {
	case a.status == 0 && hopeless(a.err):
		return fail
	case a.status == 0, a.status == http.StatusTooManyRequests, a.fromEdge():
		return backOff
	case a.status >= 200 && a.status < 300:
		return done
	case a.status == http.StatusRequestTimeout, a.status >= 500:
		return pollAgain
	case a.status == http.StatusBadRequest:
		return complain
	case a.status == http.StatusPaymentRequired:
		return pause
	case a.status == http.StatusGone:
		return resubmit
	}
	return fail
}
