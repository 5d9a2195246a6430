package server

import (
	"bytes"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// The encodings of answers, by their names in HTTP.
const (
	encodingZstd = "zstd"
	encodingGzip = "gzip"
)

// compressFrom is how many bytes an answer has at least that is compressed: less
// goes in one packet anyway.
const compressFrom = 1400

// chooseEncoding returns which encoding an answer may have by the request's
// Accept-Encoding headers: the one that the client likes best, zstd if both are
// the same to it, and "" if it names neither.
func chooseEncoding(accept []string) string {
	likes := map[string]float64{}
	for _, entry := range strings.Split(strings.Join(accept, ","), ",") {
		name, params, _ := strings.Cut(entry, ";")
		like := 1.0
		if q, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(params)), "q="); ok {
			var err error
			if like, err = strconv.ParseFloat(strings.TrimSpace(q), 64); err != nil {
				like = 0
			}
		}
		likes[strings.ToLower(strings.TrimSpace(name))] = like
	}
	for _, name := range []string{encodingZstd, encodingGzip} {
		if _, named := likes[name]; !named {
			likes[name] = likes["*"]
		}
	}
	switch z, g := likes[encodingZstd], likes[encodingGzip]; {
	case z > 0 && z >= g:
		return encodingZstd
	case g > 0:
		return encodingGzip
	}
	return ""
}

// compress returns body in an encoding, if that makes it smaller by an eighth
// or more: random bits, which log probabilities are full of, are not worth the
// client's time.
func compress(encoding string, body []byte) ([]byte, bool) {
	var small []byte
	switch encoding {
	case encodingZstd:
		small = zstdEncoder().EncodeAll(body, nil) // whoever waits for it holds nothing
	case encodingGzip:
		small = gzipped(body)
	default:
		return nil, false
	}
	return small, len(small) <= len(body)/8*7
}

// zstdEncoder returns the one encoder, which any number of goroutines may use.
var zstdEncoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic(err) // the options are constants
	}
	return e
})

var gzipWriters = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is a constant
	}
	return w
}}

func gzipped(body []byte) []byte {
	w := gzipWriters.Get().(*gzip.Writer)
	defer gzipWriters.Put(w)
	var out bytes.Buffer
	w.Reset(&out)
	_, _ = w.Write(body) // into memory
	_ = w.Close()
	return out.Bytes()
}
