package wire

import "github.com/go-json-experiment/json/jsontext"

// An ErrorBody is the body of an answer that is an error.
type ErrorBody struct {
	Detail string `json:"detail"`
}

const maxMessage = 4 << 10 // bytes

// ErrorMessage is what the body of an error answer says: its detail, as text or
// as JSON, or the whole body where it is something else, such as a proxy's
// page. It is cut after 4 KiB.
func ErrorMessage(body []byte) string {
	var in struct {
		Detail jsontext.Value `json:"detail"`
	}
	message := string(body)
	if err := Decode(body, &in); err == nil && in.Detail != nil && in.Detail.Kind() != 'n' {
		message = string(in.Detail)
		if in.Detail.Kind() == '"' {
			message = plainText(in.Detail)
		}
	}
	if len(message) > maxMessage {
		message = message[:maxMessage] + "..."
	}
	return message
}
