// Package machine measures what this machine can do at most: how fast it reads
// memory, and how many products its multiply units give.
//
// They are the two limits against which package bench holds the engine. It
// knows no engine and no model; its loops do nothing but read, or multiply.
package machine
