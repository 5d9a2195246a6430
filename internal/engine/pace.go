package engine

import (
	"math"
	"time"
)

// pace is how fast steps have been lately. What was fades with the time that
// steps took since; paceMemory is after how much of it 1/e is left.
type pace struct {
	steps, tokens, seconds float64
}

const paceMemory = 10 // seconds

// add counts a step of so many tokens.
func (p *pace) add(tokens int, took time.Duration) {
	s := took.Seconds()
	kept := math.Exp(-s / paceMemory)
	p.steps = p.steps*kept + 1
	p.tokens = p.tokens*kept + float64(tokens)
	p.seconds = p.seconds*kept + s
}

// tokensPerSecond is 0 before the first step.
func (p *pace) tokensPerSecond() float64 {
	if p.seconds == 0 {
		return 0
	}
	return p.tokens / p.seconds
}

// of is how long so many tokens, and then so many steps, would take; 0 before
// the first step.
func (p *pace) of(tokens, steps int) time.Duration {
	if p.seconds == 0 || p.tokens == 0 {
		return 0
	}
	s := float64(tokens)*p.seconds/p.tokens + float64(steps)*p.seconds/p.steps
	return time.Duration(min(s, maxEstimate.Seconds()) * float64(time.Second))
}

// maxEstimate is where estimates end: nobody waits so long.
const maxEstimate = 1000 * time.Hour
