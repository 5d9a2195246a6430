package wire

// TypeCreateSamplingSession is the Type of both messages about a new sampling
// session.
const TypeCreateSamplingSession = "create_sampling_session"

// A CreateSamplingSessionRequest opens a sampling session on a base model, on
// saved weights, or on weights whose base model is said as well.
type CreateSamplingSessionRequest struct {
	SessionID            string `json:"session_id"`
	SamplingSessionSeqID int64  `json:"sampling_session_seq_id"`
	BaseModel            string `json:"base_model,omitzero"`
	ModelPath            string `json:"model_path,omitzero"`
	Type                 string `json:"type,omitzero"`
}

// A CreateSamplingSessionResponse names the new sampling session.
type CreateSamplingSessionResponse struct {
	Type              string `json:"type,omitzero"`
	SamplingSessionID string `json:"sampling_session_id"`
}

// A Sampler is what a sampling session samples from. ModelPath is null, not
// absent, for a base model.
type Sampler struct {
	SamplerID string  `json:"sampler_id"`
	BaseModel string  `json:"base_model"`
	ModelPath *string `json:"model_path"`
}

// TypeJoinSamplingSession is the Type of both messages about a clone.
const TypeJoinSamplingSession = "join_sampling_session"

// A JoinSamplingSessionRequest asks for a number space of a client's own in a
// sampling session that another client created.
type JoinSamplingSessionRequest struct {
	SamplingSessionID string `json:"sampling_session_id"`
	Type              string `json:"type,omitzero"`
}

// A JoinSamplingSessionResponse gives it: clone n numbers its requests from
// n * SeqIDsPerClone. The creator is clone 0.
type JoinSamplingSessionResponse struct {
	Type          string `json:"type,omitzero"`
	ClientCounter int64  `json:"client_counter"`
}

// SeqIDsPerClone is how many request numbers each clone of a sampling client has.
const SeqIDsPerClone = 1_000_000_000
