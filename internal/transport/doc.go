// Package transport makes one API call reliable. It is the only place that
// retries, waits, or counts what is in flight.
//
// Package tinker, above it, has the public types and the life of a session;
// package wire, below it, has the messages. transport sends those messages and
// sorts every answer into one of a few actions: done, poll again, back off, be
// pushed back, submit anew, fail (see classify.go, one function per kind of
// call). [Client.Do] is for the calls that answer at once. A [Sampler] is for
// sampling, where a request is submitted, promised and polled for, and where
// all samplers of a session share one [Gate].
//
// Everything ends when its context does, with the context's cause. The API key
// goes to the base URL's host and nowhere else: redirects are not followed.
package transport
