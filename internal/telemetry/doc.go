// Package telemetry tells a server how its clients fare: events, in batches,
// from a queue that is bounded. It never makes a call wait and never makes one
// fail. Package tinker decides what is worth an event; package transport carries
// them.
package telemetry
