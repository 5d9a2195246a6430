package wire

// Header names of requests.
const (
	HeaderAPIKey           = "X-API-Key"
	HeaderSDKVersion       = "X-Sdk-Version"                          // ContractVersion, on requests made inside a public call
	HeaderSDKMethod        = "X-Sdk-Method"                           // that call, such as SamplingClient.sample
	HeaderBackpressure     = "X-Tinker-Sampling-Backpressure"         // "1" on asample: push me back with 429
	HeaderRequestIteration = "X-Tinker-Request-Iteration"             // poll number on retrieve_future, 0 first
	HeaderRequestType      = "X-Tinker-Request-Type"                  // what is awaited on retrieve_future
	HeaderPromiseRoundtrip = "X-Tinker-Create-Promise-Roundtrip-Time" // seconds, on the first poll
	HeaderIdempotencyKey   = "X-Idempotency-Key"                      // one per logical call, repeated by its retries
)

// Header names of answers.
const (
	HeaderDeprecationNote  = "X-Deprecation-Note"
	HeaderDeprecationLevel = "X-Deprecation-Level"
	HeaderRequestID        = "X-Request-Id"
)

// Media types.
const (
	MediaJSON     = "application/json"
	MediaProtobuf = "application/x-protobuf"
)

// What a request is, for HeaderRequestType.
const (
	RequestTypeSample                = "Sample"
	RequestTypeCreateModel           = "CreateModel"
	RequestTypeSaveWeightsForSampler = "SaveWeightsForSampler"
)

// Statuses of which the API makes something of its own. The names say what they
// mean here, where that differs from HTTP.
const (
	StatusBilling  = 402 // paused for want of payment
	StatusPending  = 408 // retrieve_future: not done yet, ask again
	StatusConflict = 422 // another body under a known identity
	StatusPushBack = 429 // asample: too busy, send the same again later
	StatusGone     = 410 // retrieve_future: result lost, submit anew; heartbeat: session is over
)
