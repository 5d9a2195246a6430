package engine

import (
	"context"
	"errors"
	"testing"

	"tinsmith.example/internal/testmodel"
	"tinsmith.example/internal/tinymodel"
)

// TestNobodyWaitsForAnothersHashLongerThanHeWants: while one caller reads the
// file, another one's context is heard.
func TestNobodyWaitsForAnothersHashLongerThanHeWants(t *testing.T) {
	e, err := Open(testmodel.Tiny(t, tinymodel.Options{}), Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	e.identity.turn <- struct{}{} // as one who reads
	ctx, cancel := context.WithCancelCause(t.Context())
	left := errors.New("left")
	cancel(left)
	if _, err := e.Identity(ctx); !errors.Is(err, left) {
		t.Errorf("got %v", err)
	}
	<-e.identity.turn
	if _, err := e.Identity(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
