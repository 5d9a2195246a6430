// Command nofma fails if the Go compiler fused a multiplication and an
// addition in one of the packages it is given.
//
// A fused multiply-add rounds once where a multiplication and an addition
// round twice, so the same source gives other bits where the compiler fuses:
// on arm64, and on amd64 with GOAMD64=v3. Packages whose results must not
// depend on the machine write float32(a*b) + c, which forbids it; this command
// sees to it that none was forgotten. It reads what the compiler emits, so
// assembly files, which may fuse where the product is exact, do not concern
// it.
//
//	go run ./internal/repocheck/nofma ./internal/engine/kernel ./internal/engine/model
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

// targets are the compilations in which Go fuses, by environment and tags. The
// other architectures on which it does (ppc64, riscv64, s390x, loong64) obey the
// same rule of the language: an explicit conversion forbids it.
var targets = []struct {
	env  []string
	tags string
}{
	{[]string{"GOOS=linux", "GOARCH=arm64"}, ""},
	{[]string{"GOOS=linux", "GOARCH=amd64", "GOAMD64=v3"}, ""},
	{[]string{"GOOS=linux", "GOARCH=amd64", "GOAMD64=v3"}, "purego"},
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: nofma PACKAGE...")
		os.Exit(2)
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "nofma:", err)
		os.Exit(1)
	}
}

func run(packages []string) error {
	found := false
	for _, target := range targets {
		name := strings.TrimSpace(strings.Join(target.env, " ") + " " + target.tags)
		listing, err := compile(packages, target.env, target.tags)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		places := fused(listing)
		for _, p := range places {
			fmt.Printf("%s: %s\n", name, p)
		}
		found = found || len(places) > 0
	}
	if found {
		return errors.New("fused multiply-adds in compiled code: write float32(a*b) + c")
	}
	return nil
}

// compile returns the assembly listing that the compiler prints for packages,
// and for none of what they import. The go command replays the listing of a
// package that it has in its cache.
func compile(packages, env []string, tags string) ([]byte, error) {
	// A -gcflags value without a pattern applies to the packages named.
	args := append([]string{"build", "-trimpath", "-gcflags=-S", "-tags=" + tags, "-o", os.DevNull}, packages...)
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), append([]string{"CGO_ENABLED=0"}, env...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%v: %w\n%s", cmd, err, out)
	}
	if !bytes.Contains(out, []byte("TEXT")) {
		return nil, fmt.Errorf("%v printed no assembly", cmd)
	}
	return out, nil
}

// instruction is a line of a listing:
//
//	0x0010 00016 (/src/dot.go:7)	FMADDS	F0, F2, F1, F0
var instruction = regexp.MustCompile(`\(([^()]+:\d+)\)\t([A-Z0-9]+)`)

// mnemonic matches arm64's FMADD, FMSUB, FNMADD, FNMSUB, FMLA and FMLS and
// amd64's VFMADD, VFMSUB, VFNMADD, VFNMSUB, VFMADDSUB and VFMSUBADD families.
var mnemonic = regexp.MustCompile(`^V?F(N?M(ADD|SUB)|ML[AS])`)

// fused lists the source position and mnemonic of every fused multiply-add in
// a compiler's listing.
func fused(listing []byte) []string {
	var places []string
	lines := bufio.NewScanner(bytes.NewReader(listing))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		m := instruction.FindStringSubmatch(lines.Text())
		if m != nil && mnemonic.MatchString(m[2]) {
			places = append(places, m[1]+": "+m[2])
		}
	}
	return places
}
