package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
)

// scoredToken is one row of a table of tokens. Its logprob is NaN where there
// is none, as at the first position of a text.
type scoredToken struct {
	id      int32
	text    string
	logprob float32
}

// writeTokens prints a table of tokens: position, id, log probability,
// probability, text. Positions count from first. With colour, the probability
// of a token shows in the colour of its row.
func writeTokens(w io.Writer, tokens []scoredToken, first int, colour bool) {
	fmt.Fprintf(w, "%6s  %6s  %10s  %7s  %s\n", "pos", "id", "logprob", "prob", "token")
	for i, t := range tokens {
		logprob, prob := "-", "-"
		if !math.IsNaN(float64(t.logprob)) {
			logprob = strconv.FormatFloat(float64(t.logprob), 'f', 5, 32)
			prob = fmt.Sprintf("%.2f%%", 100*math.Exp(float64(t.logprob)))
		}
		row := fmt.Sprintf("%6d  %6d  %10s  %7s  %s", first+i, t.id, logprob, prob, strconv.Quote(t.text))
		if colour {
			row = shade(t.logprob) + row + plain
		}
		fmt.Fprintln(w, row)
	}
}

// plain ends what shade began.
const plain = "\x1b[0m"

// shade is the terminal's code for a log probability: green for a token that
// was expected (at least one in two), yellow down to one in ten, magenta down
// to one in a hundred, red below.
func shade(logprob float32) string {
	switch p := math.Exp(float64(logprob)); {
	case math.IsNaN(p):
		return "\x1b[2m"
	case p >= 0.5:
		return "\x1b[32m"
	case p >= 0.1:
		return "\x1b[33m"
	case p >= 0.01:
		return "\x1b[35m"
	}
	return "\x1b[31m"
}

// total adds up log probabilities, leaving out what is NaN, and says how many
// it added.
func total(logprobs []float32) (sum float64, n int) {
	for _, l := range logprobs {
		if !math.IsNaN(float64(l)) {
			sum += float64(l)
			n++
		}
	}
	return sum, n
}
