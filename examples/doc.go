// Package examples has programs to begin with, in Go and, of the same name, in
// Python for the official client. There is nothing to import.
package examples
