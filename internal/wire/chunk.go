package wire

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A ModelInput is a prompt: chunks in order. Requests may have none.
type ModelInput struct {
	Chunks Chunks `json:"chunks"`
}

// MaxChunks is how many chunks a prompt has at most.
const MaxChunks = 1 << 16

// Chunks are at most MaxChunks chunks.
type Chunks []Chunk

// UnmarshalJSONFrom reads a list, and no more than may be in it.
func (c *Chunks) UnmarshalJSONFrom(dec *jsontext.Decoder) (err error) {
	*c, err = readList[Chunk](dec, MaxChunks, "chunks")
	return err
}

// The kinds of Chunk.
const (
	ChunkText              = "encoded_text"
	ChunkImage             = "image"
	ChunkImageAssetPointer = "image_asset_pointer"
	ChunkDmel              = "dmel"
)

// Image formats.
const (
	ImagePNG  = "png"
	ImageJPEG = "jpeg"
)

// A Chunk is a piece of a prompt. Type says which of the members it has.
type Chunk struct {
	Type           string // one of the Chunk constants
	Tokens         Tokens // ChunkText
	Data           []byte // ChunkImage: the file
	Location       string // ChunkImageAssetPointer
	Format         string // both image kinds: ImagePNG or ImageJPEG
	ExpectedTokens *int   // both image kinds; nil: not said. Advice, not a fact
	Dmel           []byte // ChunkDmel: a TensorContainer
}

// TextChunk is a chunk of token ids, which it keeps.
func TextChunk(tokens []int32) Chunk { return Chunk{Type: ChunkText, Tokens: tokens} }

// The JSON forms, one per kind.
type (
	textChunk struct {
		Tokens Tokens `json:"tokens"`
		Type   string `json:"type"`
	}
	imageChunk struct {
		Data           []byte `json:"data"`
		Format         string `json:"format"`
		ExpectedTokens *int   `json:"expected_tokens,omitzero"`
		Type           string `json:"type"`
	}
	imageAssetPointerChunk struct {
		Format         string `json:"format"`
		Location       string `json:"location"`
		ExpectedTokens *int   `json:"expected_tokens,omitzero"`
		Type           string `json:"type"`
	}
	dmelChunk struct {
		Dmel []byte `json:"dmel"`
		Type string `json:"type"`
	}
	// anyChunk tells apart what is there from what is not.
	anyChunk struct {
		Type           string  `json:"type"`
		Tokens         Tokens  `json:"tokens"`
		Data           *[]byte `json:"data"`
		Location       *string `json:"location"`
		Format         string  `json:"format"`
		ExpectedTokens *int    `json:"expected_tokens"`
		Dmel           *[]byte `json:"dmel"`
	}
)

// MarshalJSONTo writes the members that the chunk's kind has.
func (c Chunk) MarshalJSONTo(enc *jsontext.Encoder) error {
	switch c.Type {
	case ChunkText:
		return json.MarshalEncode(enc, textChunk{c.Tokens, c.Type})
	case ChunkImage:
		return json.MarshalEncode(enc, imageChunk{c.Data, c.Format, c.ExpectedTokens, c.Type})
	case ChunkImageAssetPointer:
		return json.MarshalEncode(enc, imageAssetPointerChunk{c.Format, c.Location, c.ExpectedTokens, c.Type})
	case ChunkDmel:
		return json.MarshalEncode(enc, dmelChunk{c.Dmel, c.Type})
	}
	return fmt.Errorf("unknown chunk type %q", c.Type)
}

// UnmarshalJSONFrom reads a chunk. Without a type, its members say the kind. A
// chunk that lacks what its kind needs is refused.
func (c *Chunk) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if kind := dec.PeekKind(); kind != '{' && kind != jsontext.KindInvalid {
		return fmt.Errorf("want a chunk object, got %s", kindName(kind))
	}
	var in anyChunk
	if err := json.UnmarshalDecode(dec, &in); err != nil {
		return err
	}
	if in.Type == "" {
		in.Type = in.kind()
	}
	*c = Chunk{Type: in.Type}
	switch in.Type {
	case ChunkText:
		if in.Tokens == nil {
			return &FormatError{Path: "tokens", Err: errMissing}
		}
		c.Tokens = in.Tokens
		return nil
	case ChunkImage:
		if in.Data == nil {
			return &FormatError{Path: "data", Err: errMissing}
		}
		c.Data = *in.Data
		return c.setFormat(&in)
	case ChunkImageAssetPointer:
		if in.Location == nil {
			return &FormatError{Path: "location", Err: errMissing}
		}
		c.Location = *in.Location
		return c.setFormat(&in)
	case ChunkDmel:
		if in.Dmel == nil {
			return &FormatError{Path: "dmel", Err: errMissing}
		}
		c.Dmel = *in.Dmel
		return nil
	case "":
		return &FormatError{Path: "type", Err: errMissing}
	}
	return &FormatError{Path: "type", Err: fmt.Errorf("unknown chunk type %q, want one of %q",
		clip(in.Type), []string{ChunkText, ChunkImage, ChunkImageAssetPointer, ChunkDmel})}
}

var errMissing = errors.New("is required")

func (in *anyChunk) kind() string {
	switch {
	case in.Tokens != nil:
		return ChunkText
	case in.Data != nil:
		return ChunkImage
	case in.Location != nil:
		return ChunkImageAssetPointer
	case in.Dmel != nil:
		return ChunkDmel
	}
	return ""
}

func (c *Chunk) setFormat(in *anyChunk) error {
	if in.Format != ImagePNG && in.Format != ImageJPEG {
		return &FormatError{Path: "format", Err: fmt.Errorf("want %q or %q, got %q", ImagePNG, ImageJPEG, clip(in.Format))}
	}
	if n := in.ExpectedTokens; n != nil && *n < 0 {
		return &FormatError{Path: "expected_tokens", Err: fmt.Errorf("%d is negative", *n)}
	}
	c.Format, c.ExpectedTokens = in.Format, in.ExpectedTokens
	return nil
}
