package wire

// A ConfigRequest asks for the client configuration, static or dynamic.
type ConfigRequest struct {
	SDKVersion string `json:"sdk_version"`
}

// A ClientConfig is what the server wants of its clients for as long as they
// run. Decode into the value of [DefaultClientConfig]: absent members keep it.
type ClientConfig struct {
	JWTAuthEnabled                bool   `json:"pjwt_auth_enabled"`
	CredentialDefaultSource       string `json:"credential_default_source"` // CredentialFromKey or CredentialFromCommand
	SampleDispatchBytes           int64  `json:"sample_dispatch_bytes_semaphore_size"`
	InflightResponseBytes         int64  `json:"inflight_response_bytes_semaphore_size"`
	ParallelForwardBackwardChunks bool   `json:"parallel_fwdbwd_chunks"`
	CompressForwardBackward       bool   `json:"proto_compress_fwdbwd"`
	ForwardBackwardChunkLen       int64  `json:"fwdbwd_max_chunk_len"`         // datums
	ForwardBackwardChunkBytes     int64  `json:"fwdbwd_max_chunk_bytes_count"` // before compression
	ForwardBackwardDispatchBytes  int64  `json:"fwdbwd_dispatch_bytes_semaphore_size"`
	BillingMaxPauseSeconds        int64  `json:"billing_exception_max_pause_duration_sec"`
	SampleNoRetries               bool   `json:"sample_no_retries"`
	SampleStuckDetection          bool   `json:"sample_enable_stuck_detection"`
	SampleMaxConcurrent           int64  `json:"sample_max_concurrent_requests"`
	UsePyqwestTransport           bool   `json:"use_pyqwest_transport"` // about the Python client's HTTP stack
	SampleUseRetrieveFutures      bool   `json:"sample_use_retrieve_futures"`
	CustomLossServerSide          bool   `json:"custom_loss_server_side"`
	SampleJoinSamplingSession     bool   `json:"sample_join_sampling_session"`
}

// Where a server wants credentials to come from.
const (
	CredentialFromKey     = "api_key"
	CredentialFromCommand = "credential_cmd"
)

// DefaultClientConfig is what an empty answer means.
func DefaultClientConfig() ClientConfig {
	return ClientConfig{
		CredentialDefaultSource:       CredentialFromKey,
		SampleDispatchBytes:           10 << 20,
		InflightResponseBytes:         50 << 20,
		ParallelForwardBackwardChunks: true,
		ForwardBackwardChunkLen:       1024,
		ForwardBackwardChunkBytes:     5_000_000,
		ForwardBackwardDispatchBytes:  50_000_000,
		BillingMaxPauseSeconds:        3600,
		SampleStuckDetection:          true,
		SampleMaxConcurrent:           2000,
		UsePyqwestTransport:           true,
	}
}

// A DynamicConfig is what the server may change while its clients run. Decode
// into the value of [DefaultDynamicConfig].
type DynamicConfig struct {
	RefreshSeconds       float64 `json:"refresh_interval_sec"`
	SampleCancelEnabled  bool    `json:"sample_cancel_enabled"`
	SampleCancelMaxBatch int64   `json:"sample_cancel_max_batch_size"`
}

// DefaultDynamicConfig is what an empty answer, or a 404, means.
func DefaultDynamicConfig() DynamicConfig {
	return DynamicConfig{RefreshSeconds: 300, SampleCancelMaxBatch: 64}
}

// TypeCreateSession is the Type of both messages about a new session.
const TypeCreateSession = "create_session"

// A CreateSessionRequest opens a session. Tags and UserMetadata are always
// written, ProjectID and DisplayName only when not empty.
type CreateSessionRequest struct {
	Tags         []string          `json:"tags"`
	UserMetadata map[string]string `json:"user_metadata"`
	SDKVersion   string            `json:"sdk_version"`
	ProjectID    string            `json:"project_id,omitzero"`
	DisplayName  string            `json:"display_name,omitzero"`
	Type         string            `json:"type,omitzero"`
}

// A CreateSessionResponse names the new session. The messages are for the
// client's log, at the level of their names.
type CreateSessionResponse struct {
	Type           string `json:"type,omitzero"`
	SessionID      string `json:"session_id"`
	InfoMessage    string `json:"info_message,omitzero"`
	WarningMessage string `json:"warning_message,omitzero"`
	ErrorMessage   string `json:"error_message,omitzero"`
}

// TypeSessionHeartbeat is the Type of both heartbeat messages.
const TypeSessionHeartbeat = "session_heartbeat"

// A SessionHeartbeat says that a session's client is alive.
type SessionHeartbeat struct {
	SessionID string `json:"session_id"`
	Type      string `json:"type,omitzero"`
}

// A SessionHeartbeatResponse is the answer to it.
type SessionHeartbeatResponse struct {
	Type string `json:"type,omitzero"`
}

// How a session ended.
const (
	FinishSuccess     = "success"
	FinishErrored     = "errored"
	FinishInterrupted = "interrupted"
)

// A FinishReason is how a session ended: one of the Finish constants.
type FinishReason struct {
	Type string `json:"type"`
}

// A FinishSessionRequest ends a session. Detail is written as null when nil:
// one of the API's two places where null is not left out.
type FinishSessionRequest struct {
	Reason FinishReason `json:"reason"`
	Detail *string      `json:"detail"`
}

// A SessionList is one page of session ids.
type SessionList struct {
	Sessions []string `json:"sessions"`
}

// A SessionInfo is what is in a session, and what its client has written about it.
type SessionInfo struct {
	TrainingRunIDs []string          `json:"training_run_ids"`
	SamplerIDs     []string          `json:"sampler_ids"`
	UserMetadata   map[string]string `json:"user_metadata,omitzero"`
	DisplayName    string            `json:"display_name,omitzero"`
}

// Empty is a message without members: {}.
type Empty struct{}

// An AuthTokenResponse is the web token for which a credential was exchanged.
type AuthTokenResponse struct {
	JWT string `json:"jwt"`
}

// A ServerCapabilities lists what the server serves.
type ServerCapabilities struct {
	SupportedModels []SupportedModel `json:"supported_models"`
}

// A SupportedModel is one model there. Absent members are unknown.
type SupportedModel struct {
	ModelName        string `json:"model_name,omitzero"`
	MaxContextLength *int   `json:"max_context_length,omitzero"` // tokens
	Trainable        *bool  `json:"trainable,omitzero"`
	Sampleable       *bool  `json:"sampleable,omitzero"`
}

// A Health is the answer of healthz; Status is "ok".
type Health struct {
	Status string `json:"status"`
}
