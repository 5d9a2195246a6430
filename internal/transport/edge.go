package transport

// maxEdgeAnswers is how many answers in a row may come from a proxy alone.
const maxEdgeAnswers = 16

// An edgeBudget keeps a call from being repeated for ever where a proxy in front
// of the server refuses it. Each call has its own: when a proxy restarts, it
// refuses a crowd of them once, which is no reason to give any of them up. The
// zero value is ready.
type edgeBudget struct{ inARow int }

// limit returns what to do about a, which is what unless there were too many.
func (b *edgeBudget) limit(a answer, what action) action {
	if !a.fromEdge() {
		if a.status != 0 {
			b.inARow = 0
		}
		return what
	}
	if b.inARow++; b.inARow > maxEdgeAnswers {
		return fail
	}
	return what
}
