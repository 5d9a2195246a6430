// Package wire is the Tinker API as data: a struct per message, the paths, the
// header names, and nothing else that client and server must agree on.
//
// Package transport carries these messages on the client's side, package
// server answers them. wire knows neither HTTP connections nor retries nor
// models: it turns Go values into bytes and bytes into Go values, in both
// directions, and refuses bytes that are not what they claim to be. Whether a
// well-formed request makes sense (a temperature of -1, an unknown model) is
// for the server to say.
//
// JSON messages go through [Encode] and [Decode]; the one binary message of
// sampling through [SampleResponse.MarshalBinary] and [DecodeSampleResponse].
package wire
