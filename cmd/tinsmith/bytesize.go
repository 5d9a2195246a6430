package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A byteSize is a number of bytes, written with a unit: 2GiB, 500MB, 1.5TiB.
type byteSize int64

// byteUnits are the units, the largest first of each kind.
var byteUnits = []struct {
	name  string
	bytes float64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1},
}

func (b *byteSize) UnmarshalText(text []byte) error {
	for _, unit := range byteUnits {
		number, ok := cutSuffixFold(string(text), unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		switch {
		case err != nil || !(n*unit.bytes >= 1):
			return fmt.Errorf("%q: must be a number of at least one byte, such as 2GiB or 500MB", text)
		case n*unit.bytes >= math.MaxInt64:
			return fmt.Errorf("%q: is more than any memory; sizes are such as 2GiB or 500MB", text)
		}
		*b = byteSize(n * unit.bytes)
		return nil
	}
	return fmt.Errorf("%q: must be a number with a unit, one of B, kB, MB, GB, TB, KiB, MiB, GiB and TiB, such as 2GiB or 500MB", text)
}

func cutSuffixFold(s, suffix string) (string, bool) {
	at := len(s) - len(suffix)
	if at < 0 || !strings.EqualFold(s[at:], suffix) {
		return s, false
	}
	return s[:at], true
}

// String is b with three digits, or four whole ones, in powers of 1024.
func (b byteSize) String() string {
	for _, unit := range byteUnits[:4] {
		if float64(b) >= unit.bytes {
			n := float64(b) / unit.bytes
			if n >= 999.5 { // which %.3g would write with an exponent
				return fmt.Sprintf("%.0f %s", n, unit.name)
			}
			return fmt.Sprintf("%.3g %s", n, unit.name)
		}
	}
	return fmt.Sprintf("%d B", int64(b))
}
