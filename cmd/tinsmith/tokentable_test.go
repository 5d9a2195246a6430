package main

import (
	"bytes"
	"math"
	"strings"
	"testing"
)

func TestTableShowsEveryToken(t *testing.T) {
	var out bytes.Buffer
	writeTokens(&out, []scoredToken{
		{7, "The", float32(math.NaN())},
		{42, " we\n", -0.693147},
		{65535, "\ufffd", -12.5},
	}, 3, false)
	want := "" +
		"   pos      id     logprob     prob  token\n" +
		"     3       7           -        -  \"The\"\n" +
		"     4      42    -0.69315   50.00%  \" we\\n\"\n" +
		"     5   65535   -12.50000    0.00%  \"\ufffd\"\n"
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestColourFollowsProbabilityAndEndsOnItsLine(t *testing.T) {
	var out bytes.Buffer
	writeTokens(&out, []scoredToken{{1, "a", -0.1}, {2, "b", -9}}, 0, true)
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n")[1:] {
		if !strings.HasPrefix(line, "\x1b[3") || !strings.HasSuffix(line, plain) {
			t.Errorf("line %q does not begin and end with a colour", line)
		}
	}
	if shade(-0.1) == shade(-9) {
		t.Error("a likely and an unlikely token have the same colour")
	}
}

func TestTotalLeavesOutWhatIsMissing(t *testing.T) {
	sum, n := total([]float32{float32(math.NaN()), -1, -2})
	if sum != -3 || n != 2 {
		t.Errorf("got %v of %d values", sum, n)
	}
	if sum, n := total(nil); sum != 0 || n != 0 {
		t.Errorf("nothing adds up to %v of %d values", sum, n)
	}
}
