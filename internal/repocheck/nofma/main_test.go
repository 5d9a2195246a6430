package main

import (
	"strings"
	"testing"
)

// The two samples differ in the conversion alone, so this test fails if the
// compiler stopped fusing, if its listing changed its form, or if a conversion
// stopped to forbid fusing.
func TestFusedFindsOnlyFusedMultiplyAdds(t *testing.T) {
	for _, target := range targets {
		listing, err := compile([]string{"./testdata/fuses"}, target.env, target.tags)
		if err != nil {
			t.Fatal(err)
		}
		places := fused(listing)
		for _, want := range []string{"fuses.go:7:", "fuses.go:10:"} {
			if !strings.Contains(strings.Join(places, "\n"), want) {
				t.Errorf("%v: found %q, nothing at %s", target.env, places, want)
			}
		}

		listing, err = compile([]string{"./testdata/rounds"}, target.env, target.tags)
		if err != nil {
			t.Fatal(err)
		}
		if places := fused(listing); len(places) > 0 {
			t.Errorf("%v: found %q where products are rounded", target.env, places)
		}
	}
}

func TestFusedKnowsTheMnemonics(t *testing.T) {
	for name, want := range map[string]bool{
		"FMADDS": true, "FMADDD": true, "FMSUBS": true, "FNMADDS": true, "FNMSUBD": true, "VFMLA": true,
		"VFMADD231SS": true, "VFMADD213PS": true, "VFMSUB231SD": true, "VFNMADD231SS": true, "VFMADDSUB132PS": true,
		"FMULS": false, "FADDS": false, "VADDPS": false, "VMULSS": false, "MADD": false, "FMOVS": false,
	} {
		line := "\t0x0010 00016 (/src/dot.go:7)\t" + name + "\tF0, F2, F1, F0\n"
		if got := len(fused([]byte(line))) == 1; got != want {
			t.Errorf("%s: found = %v", name, got)
		}
	}
}
