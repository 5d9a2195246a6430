package server

import "tinsmith.example/internal/wire"

// An account is what one key has in the server: sessions with their samplers,
// samples in work, and results. Where the server has a key of its own, there is
// one account for all.
type account struct {
	key      string // see Server.tenant
	sessions int
	samplers int
	work     usage
	results  shelf
}

// usage is what samples in work take.
type usage struct {
	samples int
	bodies  int64 // bytes of their requests
	results int64 // bytes that keeping their results may take
}

func (u *usage) add(j *job, n int) {
	u.samples += n
	u.bodies += int64(n) * j.bodyBytes
	u.results += int64(n) * j.resultBytes
}

// A quota bounds the samples in work of one account, or of all, and the results
// that wait to be fetched.
type quota struct {
	of      string // for messages
	samples int
	bodies  int64
	results int64
}

// pushBack says why j has to wait: 429. waiting is how many bytes of results
// there are that nobody has fetched yet. One sample always fits.
func (q *quota) pushBack(u *usage, waiting int64, j *job) error {
	switch results := u.results + waiting; {
	case u.samples >= q.samples:
		return refuse(wire.StatusPushBack, "%d samples %s are in work, which is the limit; send this again later", u.samples, q.of)
	case u.samples > 0 && u.bodies+j.bodyBytes > q.bodies:
		return refuse(wire.StatusPushBack, "the samples %s in work take %d bytes and this one %d; the limit is %d; send this again later",
			q.of, u.bodies, j.bodyBytes, q.bodies)
	case results > 0 && results+j.resultBytes > q.results:
		return refuse(wire.StatusPushBack, "the results %s, in work or not fetched yet, may take %d bytes and this one's %d; the limit is %d; fetch some and send this again later",
			q.of, results, j.resultBytes, q.results)
	}
	return nil
}

// account is that of key, which is a new one if it has nothing yet: who gives it
// something puts it into g.accounts. g.mu is held.
func (g *registry) account(key string) *account {
	if a, ok := g.accounts[key]; ok {
		return a
	}
	return &account{key: key}
}

// admit gives j to the account of key, or says why it has to wait. g.mu is held.
func (g *registry) admit(key string, j *job) (*account, error) {
	a := g.account(key)
	own := quota{"of this key", g.limits.KeyQueued, g.limits.KeyQueuedBytes, g.limits.KeyResultBytes}
	if err := own.pushBack(&a.work, a.results.waiting, j); err != nil {
		return nil, err
	}
	all := quota{"of all keys", g.limits.Queued, g.limits.QueuedBytes, g.limits.ResultBytes}
	if err := all.pushBack(&g.work, g.waiting, j); err != nil {
		return nil, err
	}
	g.accounts[key] = a
	a.work.add(j, 1)
	g.work.add(j, 1)
	return a, nil
}

// release says that j, which a has, is not in work any more. g.mu is held.
func (g *registry) release(a *account, j *job) {
	a.work.add(j, -1)
	g.work.add(j, -1)
	g.closeAccount(a)
}

// closeAccount forgets an account that has nothing. g.mu is held.
func (g *registry) closeAccount(a *account) {
	if a.sessions == 0 && a.samplers == 0 && a.work.samples == 0 && a.results.empty() {
		delete(g.accounts, a.key)
	}
}

// shelve puts f on its account's shelf. g.mu is held.
func (g *registry) shelve(f *future) {
	g.accounts[f.owner.key] = f.owner
	kept, waiting := f.owner.results.put(f)
	g.kept, g.waiting = g.kept+kept, g.waiting+waiting
}

// unshelve takes f off its account's shelf. g.mu is held.
func (g *registry) unshelve(f *future) {
	kept, waiting := f.owner.results.remove(f)
	g.kept, g.waiting = g.kept-kept, g.waiting-waiting
	g.closeAccount(f.owner)
}

// makeRoom forgets results until f's account and the server keep to their
// limits, of the account that has the most where it is the server's. g.mu is
// held.
func (g *registry) makeRoom(f *future) {
	for f.owner.results.bytes > g.limits.KeyResultBytes {
		old := f.owner.results.next(f)
		if old == nil {
			break
		}
		g.forget(old)
	}
	for g.kept > g.limits.ResultBytes {
		old := g.largest().results.next(f)
		if old == nil {
			break
		}
		g.forget(old)
	}
}

// largest is the account whose results take the most. g.mu is held, and there
// is one.
func (g *registry) largest() *account {
	var most *account
	for _, a := range g.accounts {
		if most == nil || a.results.bytes > most.results.bytes {
			most = a
		}
	}
	return most
}
