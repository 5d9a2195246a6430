// Package transport makes one API call reliable. It is the only place that
// retries, waits, or counts what is in flight.
//
// Package tinker, above it, has the public types and the life of a session;
// package wire, below it, has the messages. transport sends those messages and
// sorts every answer into one of a few actions: done, poll again, back off, be
// pushed back, submit anew, fail (see classify.go, one function per kind of
// call). [Client.Do] is for the calls that answer at once. A [Sampler] is for
// sampling, where a request is submitted, promised and polled for, and where
// all samplers of a session share one [Gate]. Where the server lets itself be
// watched, one long poll per sampler tells which results are there (watch.go);
// else each is polled for (poll.go).
//
// A request that no result has been promised for is only ever sent again under
// its own number, so that the server cannot sample twice for it. What is sent
// again, when, and how often is the contract's, except that a server that answers
// at once where it should wait is not asked again at once (pace.go). The tests
// with a server that breaks at random hold the times against it; a run of theirs
// is repeated with TINSMITH_CHAOS_SEED, which they print.
//
// Over plain http, which means this machine as a rule, an exchange is done by the
// goroutine that asks for it (direct.go); what that is not made for, and https, is
// net/http's.
//
// Everything ends when its context does, with the context's cause. The API key
// goes to the base URL's host and nowhere else: redirects are not followed.
package transport
