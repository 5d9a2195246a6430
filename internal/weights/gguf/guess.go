package gguf

import (
	"bytes"
	"encoding/binary"
)

// guess says what a file that does not begin as GGUF seems to be. People pass
// the wrong file, and downloads go wrong in ways that can be recognised.
func guess(data []byte) string {
	if len(data) == 0 {
		return "it is empty"
	}
	head := data[:min(512, len(data))]
	for _, known := range []struct{ start, what string }{
		{"PK\x03\x04", "it seems to be a zip archive, such as a Python wheel or a PyTorch checkpoint"},
		{"version https://git-lfs", "it is a git-lfs pointer: the file it stands for was not downloaded"},
		{"FUGG", "it seems to be a big-endian GGUF file"},
		{"ggml", "it seems to be a model in a format from before GGUF"},
		{"lmgg", "it seems to be a model in a format from before GGUF"},
		{"fmgg", "it seems to be a model in a format from before GGUF"},
		{"tjgg", "it seems to be a model in a format from before GGUF"},
		{"\x1f\x8b", "it seems to be compressed with gzip"},
		{"\x28\xb5\x2f\xfd", "it seems to be compressed with zstd"},
		{"\xfd7zXZ", "it seems to be compressed with xz"},
		{"\x89HDF", "it seems to be an HDF5 file"},
		{"\x80\x02", "it seems to be a Python pickle"},
		{"{", "it seems to be JSON"},
	} {
		if bytes.HasPrefix(head, []byte(known.start)) {
			return known.what
		}
	}
	text := bytes.ToLower(bytes.TrimSpace(head))
	switch {
	case bytes.HasPrefix(text, []byte("<!doctype html")), bytes.HasPrefix(text, []byte("<html")):
		return "it seems to be a web page: the download gave a page in place of the file"
	case safetensors(data):
		return "it seems to be a safetensors file"
	case len(bytes.Trim(head, "\x00")) == 0:
		return "it begins with zeros, as an unfinished download does"
	}
	return "it does not begin with the letters GGUF"
}

// safetensors begin with the length of a JSON object.
func safetensors(data []byte) bool {
	return len(data) > 9 && data[8] == '{' &&
		binary.LittleEndian.Uint64(data) <= uint64(len(data)-8)
}
