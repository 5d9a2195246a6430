package tinker

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"tinsmith.example/internal/wire"
)

// An ImageFormat is how an image is encoded.
type ImageFormat string

const (
	ImagePNG  ImageFormat = wire.ImagePNG  // a PNG file
	ImageJPEG ImageFormat = wire.ImageJPEG // a JPEG file
)

func (f ImageFormat) check(name string) error {
	if f != ImagePNG && f != ImageJPEG {
		return &ArgumentError{name + ".Format", string(f), fmt.Sprintf("%q or %q", ImagePNG, ImageJPEG)}
	}
	return nil
}

// An Image is an image in a prompt, sent with it. Models that cannot see refuse
// it.
type Image struct {
	Data           []byte      // the file
	Format         ImageFormat // what kind of file
	ExpectedTokens int         // how many tokens you think it is, so that the server can object; 0: you do not know
}

// Len returns ExpectedTokens.
func (i Image) Len() int { return i.ExpectedTokens }

func (i Image) size() int64 { return int64(len(i.Data)) }

func (i Image) exact() bool { return false }

func (i Image) wireChunk(name string) (wire.Chunk, error) {
	if len(i.Data) == 0 {
		return wire.Chunk{}, &ArgumentError{name + ".Data", "", "the content of an image file"}
	}
	expected, err := checkImage(name, i.Format, i.ExpectedTokens)
	return wire.Chunk{Type: wire.ChunkImage, Data: slices.Clone(i.Data), Format: string(i.Format), ExpectedTokens: expected}, err
}

// An ImageAsset is an image in a prompt that the server fetches itself.
type ImageAsset struct {
	Location       string      // a path or URL that the server knows
	Format         ImageFormat // what kind of file is there
	ExpectedTokens int         // as in Image
}

// Len returns ExpectedTokens.
func (i ImageAsset) Len() int { return i.ExpectedTokens }

func (i ImageAsset) size() int64 { return int64(len(i.Location)) }

func (i ImageAsset) exact() bool { return false }

func (i ImageAsset) wireChunk(name string) (wire.Chunk, error) {
	if i.Location == "" || !utf8.ValidString(i.Location) {
		return wire.Chunk{}, &ArgumentError{name + ".Location", i.Location, "text in UTF-8 that is not empty"}
	}
	expected, err := checkImage(name, i.Format, i.ExpectedTokens)
	return wire.Chunk{Type: wire.ChunkImageAssetPointer, Location: i.Location, Format: string(i.Format), ExpectedTokens: expected}, err
}

func checkImage(name string, format ImageFormat, expected int) (*int, error) {
	if err := format.check(name); err != nil {
		return nil, err
	}
	if expected < 0 {
		return nil, &ArgumentError{name + ".ExpectedTokens", expected, "0 or more"}
	}
	if expected == 0 {
		return nil, nil
	}
	return new(expected), nil
}

// A DMel is sound in a prompt, as the tensor of audio tokens that such models
// take, in the API's TensorContainer form.
type DMel struct {
	Container []byte // the file, whose header says how many tokens it is
}

// Len returns the number of tokens that the container's header says, or 0 if it
// cannot be read.
func (d DMel) Len() int {
	n, err := containerLen(d.Container)
	if err != nil {
		return 0
	}
	return n
}

func (d DMel) size() int64 { return int64(len(d.Container)) }

func (d DMel) exact() bool { return true }

func (d DMel) wireChunk(name string) (wire.Chunk, error) {
	if _, err := containerLen(d.Container); err != nil {
		return wire.Chunk{}, &ArgumentError{name + ".Container", described(fmt.Sprintf("%d bytes", len(d.Container))), "a TensorContainer: " + err.Error()}
	}
	return wire.Chunk{Type: wire.ChunkDmel, Dmel: slices.Clone(d.Container)}, nil
}

// containerLen reads the first dimension of a TensorContainer:
//
//	[254] dtype ndim dim ... payload
//
// where 254 marks a constant, dtype is a byte from 0 to 7, and ndim and each dim
// are LEB128 numbers of at most 63 bits.
func containerLen(data []byte) (int, error) {
	const constant, lastDType = 254, 7
	if len(data) > 0 && data[0] == constant {
		data = data[1:]
	}
	if len(data) == 0 {
		return 0, errors.New("its header ends too early")
	}
	if data[0] > lastDType {
		return 0, fmt.Errorf("it has unknown dtype %d", data[0])
	}
	dimensions, data, err := leb128(data[1:])
	if err != nil {
		return 0, err
	}
	if dimensions == 0 {
		return 0, errors.New("it has no dimension")
	}
	n, _, err := leb128(data)
	if err == nil && n > math.MaxInt32 {
		err = fmt.Errorf("its first dimension is %d", n)
	}
	return int(n), err
}

// leb128 reads a number, and returns what is behind it.
func leb128(data []byte) (n uint64, rest []byte, err error) {
	for i, b := range data {
		if i == 9 {
			return 0, nil, errors.New("a number in its header is too long")
		}
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			return n, data[i+1:], nil
		}
	}
	return 0, nil, errors.New("its header ends too early")
}
