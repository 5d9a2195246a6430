package wire

import "net/url"

// The API's version, as the messages of this package are written: what a client
// sends as sdk_version.
const ContractVersion = "0.38.0"

// Paths, below the base URL. The base may itself have a path.
const (
	PathClientConfig          = "/api/v1/client/config"
	PathAuthToken             = "/api/v1/auth/token"
	PathDynamicConfig         = "/api/v1/client/dynamic_config"
	PathCreateSession         = "/api/v1/create_session"
	PathSessionHeartbeat      = "/api/v1/session_heartbeat"
	PathListSessions          = "/api/v1/sessions"
	PathSessions              = "/api/v1/sessions/" // then {session_id}, see SessionPath and FinishSessionPath
	PathServerCapabilities    = "/api/v1/get_server_capabilities"
	PathHealthz               = "/api/v1/healthz"
	PathTelemetry             = "/api/v1/telemetry"
	PathSamplers              = "/api/v1/samplers/" // then {sampling_session_id}, see SamplerPath
	PathCreateSamplingSession = "/api/v1/create_sampling_session"
	PathJoinSamplingSession   = "/api/v1/join_sampling_session"
	PathCreateModel           = "/api/v1/create_model"
	PathGetInfo               = "/api/v1/get_info"
	PathSaveWeightsForSampler = "/api/v1/save_weights_for_sampler"
	PathSample                = "/api/v1/asample"
	PathRetrieveFuture        = "/api/v1/retrieve_future"
	PathRetrieveFutures       = "/api/v1/retrieve_futures"
	PathCancelFuture          = "/api/v1/cancel_future"
)

// PathReceipts is an endpoint that the API does not have and tinsmith's servers
// do: then {request_id}, see ReceiptPath. Clients that do not ask never see it.
const PathReceipts = "/api/v1/tinsmith/receipts/"

// SessionPath is where a session is looked at. Colons in the id stay as they are;
// what would end the path segment is escaped.
func SessionPath(sessionID string) string { return PathSessions + url.PathEscape(sessionID) }

// FinishSessionPath is where a session is finished, escaped like [SessionPath].
func FinishSessionPath(sessionID string) string { return SessionPath(sessionID) + "/finish" }

// SamplerPath is where a sampling session's model is asked for, escaped like
// [SessionPath].
func SamplerPath(samplingSessionID string) string {
	return PathSamplers + url.PathEscape(samplingSessionID)
}

// ReceiptPath is where a sample's receipt is, escaped like [SessionPath].
func ReceiptPath(requestID string) string { return PathReceipts + url.PathEscape(requestID) }
