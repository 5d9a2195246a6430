package main

import (
	"fmt"
	"io"
	"strings"

	"tinsmith.example/internal/receipt"
)

// A verdict is what verify --json prints; docs/cli.md describes it.
type verdict struct {
	Version     int          `json:"version"`
	Equal       bool         `json:"equal"`
	Tokens      int          `json:"tokens"`
	Logprobs    int          `json:"logprobs"`
	Changed     []string     `json:"changed"`
	Differences []difference `json:"differences"`
}

type difference struct {
	Part    string `json:"part"`
	Path    string `json:"path"`
	Receipt string `json:"receipt"`
	Replay  string `json:"replay"`

	inAnswer bool
}

// What can have changed besides the parts that a receipt names; see suspect.
const (
	changedDraw   = "seed or parameters"
	changedAnswer = "answer or prompt"
)

// newVerdict compares a receipt with its replay.
func newVerdict(old, again *receipt.Receipt) *verdict {
	v := &verdict{Version: resultVersion, Changed: []string{}, Differences: []difference{}}
	v.Tokens, v.Logprobs = old.Counts()
	for _, d := range receipt.Compare(old, again) {
		v.Differences = append(v.Differences, difference{d.Part, d.Path, d.A, d.B, d.InAnswer()})
		if !d.InAnswer() {
			v.Changed = append(v.Changed, d.Part)
		}
	}
	v.Equal = len(v.Differences) == 0
	return v
}

// first is the first difference between the answers; nil: there is none.
func (v *verdict) first() *difference {
	for i := range v.Differences {
		if v.Differences[i].inAnswer {
			return &v.Differences[i]
		}
	}
	return nil
}

// print writes the verdict for people.
func (v *verdict) print(w io.Writer) {
	if v.Equal {
		fmt.Fprintf(w, "bit-equal: %d tokens, %d log probabilities\n", v.Tokens, v.Logprobs)
		return
	}
	if first := v.first(); first != nil {
		fmt.Fprintf(w, "not bit-equal\nfirst difference: %s: receipt %s, replay %s\n", first.Path, first.Receipt, first.Replay)
	} else {
		fmt.Fprintf(w, "the answer is bit-equal (%d tokens, %d log probabilities), but what it came from is not\n", v.Tokens, v.Logprobs)
	}
	if also := v.also(); also != nil {
		fmt.Fprintf(w, "different, too: %s\n", strings.Join(also, ", "))
	}
	for _, d := range v.Differences {
		if !d.inAnswer {
			fmt.Fprintf(w, "changed: %s: receipt %s, replay %s\n", d.Part, d.Receipt, d.Replay)
		}
	}
	for _, what := range v.Changed {
		switch what {
		case changedDraw:
			fmt.Fprintln(w, "changed: the receipt's seed or sampling parameters. Arithmetic and model are the same, and its tokens have the log probabilities that this model gives them.")
		case changedAnswer:
			fmt.Fprintln(w, "changed: the receipt's answer or prompt. Arithmetic and model are the same, and this model does not give these numbers for that prompt.")
		}
	}
}

// also are the parts of the answer that differ, but for that of the first
// difference.
func (v *verdict) also() []string {
	var names []string
	for _, d := range v.Differences {
		if d.inAnswer && d.Part != v.first().Part {
			names = append(names, d.Part)
		}
	}
	return names
}
