//go:build !purego

package machine

//go:noescape
func multiplyTiles(rounds uintptr, config *tileConfig, ones *[512]uint16, sums *[6][256]float32)

// tileConfig is what LDTILECFG reads.
type tileConfig struct {
	palette  byte
	_        [15]byte
	rowBytes [16]uint16 // by tile
	rows     [16]byte
}

const oneBF16 = 0x3f80

// multiplyAMX multiplies tiles of ones, 16 rows of 32 pairs. Only the level amx
// has the kernel's permission for it.
func multiplyAMX(rounds uintptr) float32 {
	config := tileConfig{palette: 1}
	for i := range 8 {
		config.rowBytes[i], config.rows[i] = 64, 16
	}
	var ones [512]uint16
	for i := range ones {
		ones[i] = oneBF16
	}
	var sums [6][256]float32
	multiplyTiles(rounds, &config, &ones, &sums)
	var sum float32
	for i := range sums {
		sum += sums[i][255] // the last lane: there all rows and columns have come in
	}
	return sum
}
