package wire

import (
	"math"
	"strconv"
	"testing"
)

func TestTokensAreWrittenAsNumbersAre(t *testing.T) {
	check := func(id int32) {
		if got, want := string(appendToken([]byte("["), id)), "["+strconv.Itoa(int(id)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for id := range int32(1_000_100) {
		check(id)
	}
	for _, id := range []int32{-1, -1000, math.MinInt32, math.MaxInt32} {
		check(id)
	}
}
