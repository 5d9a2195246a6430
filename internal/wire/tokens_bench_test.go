package wire

import "testing"

// A prompt of 32,768 tokens as JSON: what the server reads per request.
func BenchmarkDecodeSampleRequest(b *testing.B) {
	tokens := make([]int32, 32768)
	for i := range tokens {
		tokens[i] = int32(i * 7919 % 50000)
	}
	data, err := Encode(&SampleRequest{Prompt: ModelInput{[]Chunk{TextChunk(tokens)}}})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		var r SampleRequest
		if err := Decode(data, &r); err != nil {
			b.Fatal(err)
		}
	}
}

// The same prompt, written: what a client sends per request.
func BenchmarkEncodeSampleRequest(b *testing.B) {
	tokens := make([]int32, 32768)
	for i := range tokens {
		tokens[i] = int32(i * 7919 % 50000)
	}
	r := &SampleRequest{Prompt: ModelInput{[]Chunk{TextChunk(tokens)}}}
	data, err := EncodeSampleRequest(r)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := EncodeSampleRequest(r); err != nil {
			b.Fatal(err)
		}
	}
}
