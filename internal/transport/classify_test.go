package transport

import (
	"fmt"
	"net/http"
	"testing"

	"tinsmith.example/internal/wire"
)

func TestClassify(t *testing.T) {
	for _, tt := range []struct {
		name               string
		a                  answer
		call, submit, poll action
	}{
		{"no answer", answer{}, backOff, backOff, backOff},
		{"https to a server of plain http", answer{err: fmt.Errorf("Post: %w", http.ErrSchemeMismatch)}, fail, fail, fail},
		{"too large", answer{err: &oversizeError{1}}, fail, fail, fail},
		{"ok", answer{status: 200}, done, done, done},
		{"accepted", answer{status: 202}, done, done, done},
		{"moved", answer{status: 307}, fail, fail, fail},
		{"refused", answer{status: 400, body: []byte(`{}`), length: 2}, fail, fail, complain},
		{"refused, length unknown", answer{status: 400, body: []byte(`{}`), length: -1, header: jsonHeader}, fail, fail, complain},
		{"refused by an edge proxy", answer{status: 400, length: 0}, backOff, backOff, backOff},
		{"refused by a chatty edge proxy", answer{status: 400, body: []byte(`<p>`), length: -1}, backOff, backOff, backOff},
		{"wrong key", answer{status: 401}, fail, fail, fail},
		{"unpaid", answer{status: 402}, pause, pause, pause},
		{"forbidden", answer{status: 403}, fail, fail, fail},
		{"unknown", answer{status: 404}, fail, fail, fail},
		{"pending or late", answer{status: 408}, backOff, backOff, pollAgain},
		{"conflict", answer{status: 409}, backOff, backOff, fail},
		{"gone", answer{status: 410}, fail, fail, resubmit},
		{"another body", answer{status: 422}, fail, fail, fail},
		{"busy", answer{status: 429}, backOff, pushBack, backOff},
		{"broken", answer{status: 500}, backOff, backOff, pollAgain},
		{"overloaded", answer{status: 529}, backOff, backOff, pollAgain},
	} {
		for _, c := range []struct {
			kind      string
			got, want action
		}{
			{"call", classifyCall(tt.a), tt.call},
			{"submit", classifySubmit(tt.a), tt.submit},
			{"poll", classifyPoll(tt.a), tt.poll},
		} {
			if c.got != c.want {
				t.Errorf("%s: %s is to %v, want %v", tt.name, c.kind, c.got, c.want)
			}
		}
	}
}

var jsonHeader = http.Header{"Content-Type": {wire.MediaJSON}}
