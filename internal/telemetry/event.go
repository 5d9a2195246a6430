package telemetry

import (
	"encoding/json"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/google/uuid"

	"tinsmith.example/internal/wire"
)

// The kinds of events.
const (
	sessionStart       = "SESSION_START"
	sessionEnd         = "SESSION_END"
	unhandledException = "UNHANDLED_EXCEPTION"
	genericEvent       = "GENERIC_EVENT"
)

// A Severity is an event's.
type Severity string

const (
	Info    Severity = "INFO"
	Warning Severity = "WARNING"
	Error   Severity = "ERROR"
)

// An Event is something to tell: one of those that this package's functions
// make.
type Event struct {
	event wire.TelemetryEvent
	// urgent events are sent at once, with all before them.
	urgent bool
}

// start says that the session has begun.
func start() Event {
	return Event{event: wire.TelemetryEvent{Event: sessionStart, Severity: string(Info)}}
}

// end says that the session has ended after so long.
func end(after time.Duration) Event {
	return Event{event: wire.TelemetryEvent{Event: sessionEnd, Severity: string(Info), Duration: clock(after)}}
}

// Exception says that a call failed, for no fault of its user.
func Exception(kind, message string) Event {
	return Event{urgent: true, event: wire.TelemetryEvent{
		Event: unhandledException, Severity: string(Error), ErrorType: kind, ErrorMessage: message,
	}}
}

// Generic is an event with a name and with data: numbers, booleans and texts.
func Generic(severity Severity, name string, data map[string]any) Event {
	object, err := json.Marshal(data)
	if err != nil { // a number that JSON has not
		object = []byte("{}")
	}
	return Event{event: wire.TelemetryEvent{Event: genericEvent, Severity: string(severity), EventName: name, EventData: object}}
}

// clock writes a duration as h:mm:ss.ffffff.
func clock(d time.Duration) string {
	d = max(d, 0)
	return fmt.Sprintf("%d:%02d:%02d.%06d", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60, d.Microseconds()%1e6)
}

// processID is the same for all events of this process.
var processID = sync.OnceValue(uuid.NewString)

// platform is this system's name as Python has it.
func platform() string {
	switch runtime.GOOS {
	case "linux":
		return "Linux"
	case "darwin":
		return "Darwin"
	case "windows":
		return "Windows"
	}
	return runtime.GOOS
}
