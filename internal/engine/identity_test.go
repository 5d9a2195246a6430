package engine_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/testmodel"
	"tinsmith.example/internal/tinymodel"
)

// arithmetic is testdata/arithmetic.json: what is pinned in a version.
type arithmetic struct {
	Version int
	Pins    map[string]string // name of what is pinned to the hash of its outputs
}

// pins are the hashes that are pinned today: of every operation, and of whole
// answers.
func pins(t *testing.T) map[string]string {
	b, err := os.ReadFile("kernel/testdata/hashes.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]string
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	all["answers"] = pinnedAnswers
	return all
}

// TestChangedOutputsAreAnotherArithmetic: whoever changes a pinned output has to
// raise the version, so that receipts of before are not taken for false ones.
// What is pinned for the first time joins the version by
//
//	UPDATE_ARITHMETIC=1 go test ./internal/engine -run TestChangedOutputs
//
// which also begins the file of a version that was raised. It changes no hash
// of the same version.
func TestChangedOutputsAreAnotherArithmetic(t *testing.T) {
	const path = "testdata/arithmetic.json"
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var of arithmetic
	if err := json.Unmarshal(b, &of); err != nil {
		t.Fatal(err)
	}
	update := os.Getenv("UPDATE_ARITHMETIC") != ""
	if update && of.Version < engine.ArithmeticVersion {
		of = arithmetic{engine.ArithmeticVersion, map[string]string{}}
	}
	if of.Version != engine.ArithmeticVersion {
		t.Fatalf("%s is of version %d, the engine of %d: UPDATE_ARITHMETIC=1 begins the new one", path, of.Version, engine.ArithmeticVersion)
	}
	today := pins(t)
	for name, hash := range of.Pins {
		if today[name] != hash {
			t.Errorf("%s is pinned as %q, and was %q in version %d of the arithmetic: that is another arithmetic. "+
				"Raise engine.ArithmeticVersion, say so in docs/arithmetic.md and under Numbers in CHANGELOG.md, and run this test with UPDATE_ARITHMETIC=1",
				name, today[name], hash, of.Version)
		}
	}
	for name, hash := range today {
		if of.Pins[name] != "" {
			continue
		}
		if !update {
			t.Errorf("%s is pinned for the first time: run this test with UPDATE_ARITHMETIC=1", name)
		}
		of.Pins[name] = hash
	}
	if update && !t.Failed() {
		b, err := json.MarshalIndent(of, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestThePageSaysWhichArithmeticItIs(t *testing.T) {
	page, err := os.ReadFile("../../docs/arithmetic.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("This is version %d of the arithmetic.", engine.ArithmeticVersion); !strings.Contains(string(page), want) {
		t.Errorf("docs/arithmetic.md does not say: %s", want)
	}
}

// TestIdentityIsTheFilesHash, also after the file is gone, for any number of
// callers, and after Close for those who asked before.
func TestIdentityIsTheFilesHash(t *testing.T) {
	path := testmodel.Tiny(t, tinymodel.Options{Seed: 3})
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := engine.Identity{Arithmetic: engine.ArithmeticVersion, ModelSHA256: sha256.Sum256(file)}
	e := open(t, path, engine.Options{})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancelCause(t.Context())
	left := errors.New("left")
	cancel(left)
	if _, err := e.Identity(gone); !errors.Is(err, left) {
		t.Errorf("a caller that has gone got %v", err)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if got, err := e.Identity(t.Context()); err != nil || got != want {
				t.Errorf("got %v, %v, want %v", got, err, want)
			}
		})
	}
	all.Wait()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := e.Identity(t.Context()); err != nil || got != want {
		t.Errorf("after Close: %v, %v, want %v", got, err, want)
	}
	other := open(t, testmodel.Tiny(t, tinymodel.Options{}), engine.Options{})
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Identity(t.Context()); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("a closed engine: %v", err)
	}
}

// TestAChangedFileHasNoIdentity: neither if it is written to before it is hashed
// nor after. A new file under its name is another one. Where files are not
// mapped but read, what was read is the model, whatever is written.
func TestAChangedFileHasNoIdentity(t *testing.T) {
	want := engine.ErrModelChanged
	if runtime.GOOS == "windows" {
		want = nil
	}
	for _, known := range []bool{false, true} {
		path := testmodel.Tiny(t, tinymodel.Options{Seed: 4})
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		// A file that was written long ago, as models are: clocks of file systems are coarse.
		if err := os.Chtimes(path, time.Time{}, info.ModTime().Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
		e := open(t, path, engine.Options{})
		if err := os.Rename(path, path+".old"); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("another one"), 0o644); err != nil {
			t.Fatal(err)
		}
		if known {
			if _, err := e.Identity(t.Context()); err != nil {
				t.Errorf("with another file under its name: %v", err)
			}
		}
		f, err := os.OpenFile(path+".old", os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte{1}, info.Size()-1); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Identity(t.Context()); !errors.Is(err, want) {
			t.Errorf("hashed before: %v; one byte written to the file: got %v", known, err)
		}
	}
}
