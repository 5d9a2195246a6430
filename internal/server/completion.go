package server

import (
	"container/list"

	"tinsmith.example/internal/wire"
)

// A completionLog is the order in which one clone's samples came to their end,
// for clients that ask for all of them at once. Each is under a cursor, which
// counts up; a client that asks from a cursor on has seen what is up to it.
//
// It has at most one entry for each result that is kept, and one for each that
// was forgotten before a client had it: nobody else would tell who waits for it.
// The zero value is empty. The registry's mutex guards it.
type completionLog struct {
	entries list.List // of *completion, by rising cursor
	cursor  int64     // of the latest entry there was
}

// A completion is a sample that is done.
type completion struct {
	cursor int64
	seq    int64
	future *future // nil once its answer is forgotten, or was never to be had
}

// add notes that f is done.
func (l *completionLog) add(f *future) {
	l.cursor++
	f.completion = l.entries.PushBack(&completion{l.cursor, f.seq, f})
}

// forget notes that the answer of f is gone. Who has had it does not wait for it.
func (l *completionLog) forget(f *future) {
	if f.completion == nil {
		return
	}
	if f.delivered {
		l.entries.Remove(f.completion)
	} else {
		f.completion.Value.(*completion).future = nil
	}
	f.completion = nil
}

// trim drops the entries up to cursor.
func (l *completionLog) trim(cursor int64) {
	for e := l.entries.Front(); e != nil && e.Value.(*completion).cursor <= cursor; e = l.entries.Front() {
		if f := e.Value.(*completion).future; f != nil {
			f.completion = nil
		}
		l.entries.Remove(e)
	}
}

// maxCompletions bounds one answer. A client asks on at once.
const maxCompletions = 1000

// first returns the oldest entries, and the cursor up to which they are all.
func (l *completionLog) first(samplerID string) *wire.RetrieveFuturesResponse {
	out := &wire.RetrieveFuturesResponse{Completions: []wire.Completion{}, Cursor: l.cursor}
	for e := l.entries.Front(); e != nil; e = e.Next() {
		c := e.Value.(*completion)
		if len(out.Completions) == maxCompletions {
			out.Cursor = c.cursor - 1
			break
		}
		out.Completions = append(out.Completions, c.message(samplerID))
	}
	return out
}

func (c *completion) message(samplerID string) wire.Completion {
	m := wire.Completion{State: wire.CompletionFailed, RequestID: requestID(samplerID, c.seq)}
	if f := c.future; f != nil && f.answer.failure == nil {
		m.State = wire.CompletionFinished
		m.ResponsePayloadUncompressedSize = new(int64(len(f.answer.binary)))
	}
	return m
}

// completed puts f, which is done or will not be, into its clone's log, and wakes
// who waits there. g.mu is held.
func (g *registry) completed(f *future) {
	p := f.sampler
	log := p.log(cloneOf(f.seq))
	p.logs[cloneOf(f.seq)] = log
	log.add(f)
	close(p.news)
	p.news = make(chan struct{})
}

// log returns the log of a clone, which is a new one as long as none of its samples
// was done. The registry's mutex is held.
func (p *sampler) log(clone int64) *completionLog {
	if log, ok := p.logs[clone]; ok {
		return log
	}
	return &completionLog{}
}

// cloneOf is which clone of a sampling client a request number belongs to.
func cloneOf(seq int64) int64 { return seq / wire.SeqIDsPerClone }
