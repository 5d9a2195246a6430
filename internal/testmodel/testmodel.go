// Package testmodel gives tests a model's file: the real default model, through
// the product's own catalogue, or a tiny one that is made on the spot.
package testmodel

import (
	"os"
	"path/filepath"
	"testing"

	"tinsmith.example/internal/catalog"
	"tinsmith.example/internal/tinymodel"
)

// Default returns the path of the default model's file and fetches it if this
// machine does not have it. Where that fails the test fails if the environment
// variable CI is set, and is skipped otherwise: a developer may be offline.
// -short skips it, too, for runs that are slow by nature (the race detector, the
// portable kernels); what they leave out, the plain run does.
func Default(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("-short leaves out the real model")
	}
	cache, err := catalog.NewCache("")
	if err == nil {
		var found catalog.Resolved
		found, err = cache.Resolve(t.Context(), catalog.DefaultModel, catalog.PullOptions{})
		if err == nil {
			return found.Path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("the default model: %v", err)
	}
	t.Skipf("without the default model: %v", err)
	return ""
}

// Tiny returns the path of a generated model, the same for the same options.
func Tiny(t testing.TB, o tinymodel.Options) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tiny.gguf")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := tinymodel.Write(f, o); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}
