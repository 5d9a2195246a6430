package transport

import "time"

// A pace keeps polls apart. A server that holds each poll until there is news
// is asked again at once; one that answers at once, or with nonsense, or not at
// all, is asked less and less often. The zero value is ready.
type pace struct {
	quick    int // pending answers in a row that the server did not hold
	faults   int // answers in a row that make no sense
	silences int // polls in a row without an answer
}

const heldPoll = time.Second // a pending answer after that long was not hasty

// pending is the wait after a pending answer to a poll that was held that long.
func (p *pace) pending(held time.Duration) time.Duration {
	p.faults = 0
	if held >= heldPoll {
		p.quick = 0
		return 0
	}
	p.quick++
	return doubling(20*time.Millisecond, p.quick, time.Second)
}

// faulty is the wait after an answer that makes no sense, such as a 5xx.
func (p *pace) faulty() time.Duration {
	p.faults++
	return doubling(250*time.Millisecond, p.faults, 10*time.Second)
}

// silent is the wait after no answer.
func (p *pace) silent() time.Duration {
	p.silences++
	return doubling(time.Second, p.silences, 30*time.Second)
}

// answered takes note that there was an answer.
func (p *pace) answered() { p.silences = 0 }

// doubling is the nth of first, 2 first, 4 first ... most, most.
func doubling(first time.Duration, n int, most time.Duration) time.Duration {
	if n > 20 {
		return most
	}
	return min(first<<(n-1), most)
}
