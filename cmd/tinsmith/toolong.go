package main

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"

	"tinsmith.example/tinker"
)

// A tooLongError says that a text and what was asked for behind it do not fit
// into the model's context.
type tooLongError struct {
	text, more, context int // in tokens; more is 0 where nothing was to be sampled
}

func (e *tooLongError) Error() string {
	if e.more == 0 {
		return fmt.Sprintf("the text has %d tokens, and the model's context holds %d, with one that is sampled", e.text, e.context)
	}
	return fmt.Sprintf("the text has %d tokens and --max-tokens is %d, together more than the %d that the model's context holds", e.text, e.more, e.context)
}

func (e *tooLongError) advice() string {
	if left := e.context - e.text; e.more > 0 && left > 0 {
		return fmt.Sprintf("Ask for at most --max-tokens %d, or give a shorter text.", left)
	}
	return fmt.Sprintf("Give a text of at most %d tokens.", e.context-max(1, e.more))
}

// contextForm is how servers of the API say that a request does not fit: tokens
// of the prompt, tokens to sample, tokens of the context.
var contextForm = regexp.MustCompile(`context window: (\d{1,18}) \+ (\d{1,18}) > (\d{1,18})`)

// tooLong makes a *tooLongError of a server's refusal that is one, and leaves any
// other error as it is. sampling says that the user chose how much to sample.
func tooLong(err error, sampling bool) error {
	refused, ok := errors.AsType[*tinker.APIError](err)
	if !ok || refused.Status != http.StatusBadRequest {
		return err
	}
	found := contextForm.FindStringSubmatch(refused.Message)
	if found == nil {
		return err
	}
	var n [3]int
	for i := range n {
		n[i], _ = strconv.Atoi(found[i+1]) // the form has digits only
	}
	if !sampling {
		n[1] = 0
	}
	return &tooLongError{n[0], n[1], n[2]}
}
