package wire

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

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

// UnmarshalJSONFrom reads a list, and no more than may be in it: an event takes a
// hundred times the memory of the shortest text of one. Null leaves t as it is.
func (t *TelemetryEvents) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	switch kind := dec.PeekKind(); kind {
	case 'n':
		return dec.SkipValue()
	case '[':
	case jsontext.KindInvalid:
		_, err := dec.ReadValue()
		return err
	default:
		return fmt.Errorf("want a list of events, got %s", kindName(kind))
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	list := TelemetryEvents{}
	for dec.PeekKind() != ']' {
		if len(list) == MaxTelemetryEvents {
			return fmt.Errorf("there are more than %d events", MaxTelemetryEvents)
		}
		var event TelemetryEvent
		if err := json.UnmarshalDecode(dec, &event); err != nil {
			return err
		}
		list = append(list, event)
	}
	*t = list
	_, err := dec.ReadToken()
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
