package wire

import "github.com/go-json-experiment/json/jsontext"

// A TelemetryRequest carries events of one process.
type TelemetryRequest struct {
	Events      TelemetryEvents `json:"events"`
	Platform    string          `json:"platform"`
	SDKVersion  string          `json:"sdk_version"`
	SessionID   string          `json:"session_id"`
	ProcessUUID string          `json:"process_uuid"`
}

// MaxTelemetryEvents is how many events one request carries at most.
const MaxTelemetryEvents = 100

// TelemetryEvents are 1 to MaxTelemetryEvents events.
type TelemetryEvents []TelemetryEvent

// UnmarshalJSONFrom reads a list, and no more than may be in it.
func (t *TelemetryEvents) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	list, err := readList[TelemetryEvent](dec, MaxTelemetryEvents, "events")
	if err == nil && list != nil {
		*t = list
	}
	return err
}

// A TelemetryEvent is one of the four kinds that Event names; the members after
// Timestamp belong to some kinds only.
type TelemetryEvent struct {
	Event             string `json:"event"` // SESSION_START, SESSION_END, UNHANDLED_EXCEPTION or GENERIC_EVENT
	EventID           string `json:"event_id"`
	EventSessionIndex int64  `json:"event_session_index"`
	Severity          string `json:"severity"`
	Timestamp         string `json:"timestamp"` // RFC 3339 in UTC

	Duration     string         `json:"duration,omitzero"` // h:mm:ss
	ErrorType    string         `json:"error_type,omitzero"`
	ErrorMessage string         `json:"error_message,omitzero"`
	Traceback    string         `json:"traceback,omitzero"`
	EventName    string         `json:"event_name,omitzero"`
	EventData    jsontext.Value `json:"event_data,omitzero"` // an object
}

// TelemetryAccepted is the one status that clients take.
const TelemetryAccepted = "accepted"

// A TelemetryResponse is the answer to it; Status is TelemetryAccepted.
type TelemetryResponse struct {
	Status string `json:"status"`
}
