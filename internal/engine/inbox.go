package engine

// inbox is what callers have asked of the loop and it has not yet seen.
type inbox struct {
	submitted []*call
	withdrawn []*call
	asked     []question
}

// submit hands c to the loop; false if the engine is closed.
func (e *Engine) submit(c *call) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.running[c.of] = c
	e.inbox.submitted = append(e.inbox.submitted, c)
	e.ring()
	return true
}

// leave says that nobody asks about c any more.
func (e *Engine) leave(c *call) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running[c.of] == c {
		delete(e.running, c.of)
	}
}

// withdraw tells the loop that nobody waits for c any more. A closed engine's
// loop fails c anyway.
func (e *Engine) withdraw(c *call) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	e.inbox.withdrawn = append(e.inbox.withdrawn, c)
	e.ring()
}

// ring wakes the loop if it waits.
func (e *Engine) ring() {
	select {
	case e.news <- struct{}{}:
	default:
	}
}

func (e *Engine) takeInbox() inbox {
	e.mu.Lock()
	defer e.mu.Unlock()
	in := e.inbox
	e.inbox = inbox{}
	return in
}
