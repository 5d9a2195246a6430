// Package early is initialized before package tinker, for its import path comes
// first, and does what init functions do: print, and now and then go wrong.
package early

import (
	"fmt"
	"os"
)

func init() {
	Trace("early")
	fmt.Println("to standard output, from an init function")
	fmt.Fprintln(os.Stderr, "to standard error, from an init function")
	if _, child := os.LookupEnv("_TINKER_SIDECAR"); child && os.Getenv("EARLY_EXITS") != "" {
		os.Exit(3)
	}
}

// Trace adds a line to the file that TRACE_FILE names.
func Trace(line string) {
	f, err := os.OpenFile(os.Getenv("TRACE_FILE"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	fmt.Fprintln(f, line)
}
