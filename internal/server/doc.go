// Package server is the HTTP server of the Tinker sampling API, as the official
// Python client speaks it.
//
// It sits between package wire, whose messages it reads and writes, and a
// [Backend], usually package engine, which samples. In between it keeps what
// outlives one HTTP request: sessions, their sampling sessions, and the samples
// in work or waiting to be fetched. It knows no model file and no command line.
//
// The path of a sample: asample.go reads the request, request.go turns it into
// the engine's terms, resultsize.go bounds what it may give, future.go starts it
// and keeps its answer, retrieve.go hands the answer out, waiting.go says what it
// still waits for, and receipt.go what it came from. account.go and bodyroom.go say
// how much of all that a key may have, and shelf.go what is forgotten first. For
// clients that wait for many at once, completion.go keeps the order in which samples
// are done, and poll.go tells it. registry.go and session.go say what is alive, and
// listing.go tells it; guard.go says who may ask at all; hub.go offers the models'
// tokenizers in the layout of the Hugging Face Hub.
package server
