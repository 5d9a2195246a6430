package wire

import (
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// A RetrieveFutureRequest asks for the result that a Promise named.
type RetrieveFutureRequest struct {
	RequestID string `json:"request_id"`
	// AllowMetadataOnly lets the server answer with the result's size first.
	AllowMetadataOnly bool `json:"allow_metadata_only"`
}

// A FutureAnswer is what retrieve_future says in JSON: *TryAgain,
// *CompleteMetadata, *FailedFuture or *FutureResult.
type FutureAnswer interface{ futureAnswer() }

// TypeTryAgain is the Type of a TryAgain.
const TypeTryAgain = "try_again"

// Why a request is not done yet. Clients log the paused states as warnings.
const (
	QueueActive          = "active"
	QueuePausedCapacity  = "paused_capacity"
	QueuePausedRateLimit = "paused_rate_limit"
)

// TryAgain says that the result is not there yet. It comes with StatusPending;
// with 200 it makes the official client log a warning.
type TryAgain struct {
	Type             string `json:"type"`
	RequestID        string `json:"request_id"`
	QueueState       string `json:"queue_state,omitzero"`
	QueueStateReason string `json:"queue_state_reason,omitzero"`
}

// StatusCompleteMetadata is the Status of a CompleteMetadata.
const StatusCompleteMetadata = "complete_metadata"

// CompleteMetadata says that the result is there, and how large it is. It
// answers only requests that allow it.
type CompleteMetadata struct {
	Status              string `json:"status"`
	ResponsePayloadSize int64  `json:"response_payload_size"` // bytes
}

// Whose fault a failure is. Anything else counts as unknown.
const (
	CategoryUser    = "user"
	CategoryServer  = "server"
	CategoryUnknown = "unknown"
)

// A FailedFuture is the failure of a request that had been accepted. It comes
// with status 200.
type FailedFuture struct {
	Error    string `json:"error"`
	Category string `json:"category"`
}

// A FutureResult is a result that is neither binary nor one of the others.
type FutureResult struct{ Body []byte }

func (*TryAgain) futureAnswer()         {}
func (*CompleteMetadata) futureAnswer() {}
func (*FailedFuture) futureAnswer()     {}
func (*FutureResult) futureAnswer()     {}

// DecodeFutureAnswer tells apart what a JSON answer of retrieve_future may be,
// in the order that the API gives: try_again, complete_metadata, failure, and
// else a result, whose bytes are not looked at further.
func DecodeFutureAnswer(data []byte) (FutureAnswer, error) {
	var in struct {
		Type                string         `json:"type"`
		RequestID           string         `json:"request_id"`
		QueueState          string         `json:"queue_state"`
		QueueStateReason    string         `json:"queue_state_reason"`
		Status              jsontext.Value `json:"status"`
		ResponsePayloadSize jsontext.Value `json:"response_payload_size"`
		Error               jsontext.Value `json:"error"`
		Category            jsontext.Value `json:"category"`
	}
	if err := Decode(data, &in); err != nil {
		return nil, err
	}
	switch {
	case in.Type == TypeTryAgain:
		return &TryAgain{in.Type, in.RequestID, in.QueueState, in.QueueStateReason}, nil
	case plainText(in.Status) == StatusCompleteMetadata:
		answer := &CompleteMetadata{Status: StatusCompleteMetadata}
		if in.ResponsePayloadSize == nil {
			return nil, &FormatError{Path: "response_payload_size", Err: errMissing}
		}
		if err := Decode(in.ResponsePayloadSize, &answer.ResponsePayloadSize); err != nil {
			return nil, within("response_payload_size", err)
		}
		if n := answer.ResponsePayloadSize; n < 0 {
			return nil, &FormatError{Path: "response_payload_size", Err: fmt.Errorf("%d is negative", n)}
		}
		return answer, nil
	case in.Error != nil && in.Error.Kind() != 'n':
		answer := &FailedFuture{Error: plainText(in.Error), Category: plainText(in.Category)}
		if answer.Error == "" {
			answer.Error = string(in.Error)
		}
		if c := answer.Category; c != CategoryUser && c != CategoryServer {
			answer.Category = CategoryUnknown
		}
		return answer, nil
	}
	return &FutureResult{Body: data}, nil
}

// plainText is the text that value holds, or "" if it holds something else.
func plainText(value jsontext.Value) string {
	if value.Kind() != '"' {
		return ""
	}
	text, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return ""
	}
	return string(text)
}

// A CancelFutureRequest says that nobody waits for a result any more.
type CancelFutureRequest struct {
	RequestID string `json:"request_id"`
}

// TypeSamplingSession is the Type of a FuturesTarget.
const TypeSamplingSession = "sampling_session"

// A FuturesTarget names the requests of one clone of a sampling client.
type FuturesTarget struct {
	Type              string `json:"type"`
	SamplingSessionID string `json:"sampling_session_id"`
	ClonedSamplerID   int64  `json:"cloned_sampler_id"` // seq_id / SeqIDsPerClone
}

// A RetrieveFuturesRequest asks which of a target's requests have completed
// since PrevCursor, and tells which results have arrived.
type RetrieveFuturesRequest struct {
	Target              FuturesTarget `json:"target"`
	PrevCursor          int64         `json:"prev_cursor"`
	Timeout             *float64      `json:"timeout,omitzero"` // seconds; nil: as long as the server likes
	RetrievedRequestIDs []string      `json:"retrieved_request_ids"`
}

// The states of a Completion.
const (
	CompletionFinished = "finished"
	CompletionFailed   = "failed"
)

// A Completion is a request that is done; its result or error is still to be
// retrieved.
type Completion struct {
	State                           string `json:"state"`
	RequestID                       string `json:"request_id"`
	ResponsePayloadUncompressedSize *int64 `json:"response_payload_uncompressed_size,omitzero"` // finished only
}

// A RetrieveFuturesResponse lists completions up to Cursor.
type RetrieveFuturesResponse struct {
	Completions []Completion `json:"completions"`
	Cursor      int64        `json:"cursor"`
}
