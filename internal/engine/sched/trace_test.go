package sched

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"tinsmith.example/internal/engine/kv"
)

var update = flag.Bool("update", false, "write what the scripts of testdata give into them; then read the diff")

// TestScripts runs the scripts of testdata. Each has commands, each followed by
// what it gives after a line "----" and up to an empty line. # begins a remark.
//
//	scheduler tokens=N samples=N prefill=N blocks=N [far=N] [chunk=N] [nocache]
//	    a new one
//	add NAME prompt=P samples=N max=N [wanted=POS,POS...|all] [session=S] [tenant=T]
//	    a group; P is tokens, such as 1..40,7,7 or, after another group's sample
//	    has ended, NAME/0 for its prompt and what was sampled
//	step [N]
//	    so many steps, one without a number: of each part what is computed, and
//	    then what there is. Sample i of a group gets tokens 1000+i, and ends with
//	    its max
//	run
//	    steps until nothing is left, only counted
//	cancel NAME
//	    drops a group
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			script, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := (&tracer{t: t}).script(string(script))
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			} else if !bytes.Equal(got, script) {
				t.Errorf("%s has changed; go test -update writes it. Got\n%s", file, got)
			}
		})
	}
}

// tracer runs a script.
type tracer struct {
	t      *testing.T
	m      *machine
	groups map[string]*Group
	names  map[*Group]string
}

// script is the script with what its commands give now.
func (r *tracer) script(text string) []byte {
	var out bytes.Buffer
	output := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "----":
			output = true
		case line == "":
			output = false
			fmt.Fprintln(&out)
		case output:
		case strings.HasPrefix(line, "#"):
			fmt.Fprintln(&out, line)
		default:
			fmt.Fprintf(&out, "%s\n----\n%s", line, r.command(strings.Fields(line)))
		}
	}
	return out.Bytes()
}

func (r *tracer) command(words []string) string {
	r.t.Helper()
	args := map[string]string{}
	var names []string
	for _, w := range words[1:] {
		if key, value, ok := strings.Cut(w, "="); ok {
			args[key] = value
		} else {
			names = append(names, w)
		}
	}
	number := func(key string) int {
		n, err := strconv.Atoi(args[key])
		if err != nil && args[key] != "" {
			r.t.Fatalf("%v: %v", words, err)
		}
		return n
	}
	switch words[0] {
	case "scheduler":
		c := Config{MaxTokens: number("tokens"), MaxSamples: number("samples"), MinPrefill: number("prefill"),
			FarPosition: number("far"), MaxPrefill: number("chunk"), NoCache: len(names) > 0}
		r.m = newMachine(r.t, c, number("blocks"))
		r.groups, r.names = map[string]*Group{}, map[*Group]string{}
		return "ok\n"
	case "add":
		g := &Group{Prompt: r.tokens(args["prompt"]), Samples: number("samples"), MaxTokens: number("max"),
			Session: args["session"], Key: kv.Key{Tenant: args["tenant"]}, Wanted: positions(args["wanted"], r.tokens)}
		if args["wanted"] == "all" {
			for i := range g.Prompt {
				g.Wanted = append(g.Wanted, i)
			}
		}
		r.groups[names[0]], r.names[g] = g, names[0]
		r.m.sched.Add(g)
		return fmt.Sprintf("%d tokens, needs %d blocks\n", len(g.Prompt), g.Need())
	case "step":
		steps := 1
		if len(names) > 0 {
			steps, _ = strconv.Atoi(names[0])
		}
		var out strings.Builder
		for range steps {
			out.WriteString(r.step())
		}
		return out.String()
	case "run":
		steps, before := 0, r.m.computed
		for ; !r.m.sched.Idle(); steps++ {
			r.m.step(r.next)
		}
		return fmt.Sprintf("%d steps, %d tokens; %s", steps, r.m.computed-before, r.state())
	case "cancel":
		r.m.sched.Cancel(r.groups[names[0]])
		return r.state()
	}
	r.t.Fatalf("unknown command %v", words)
	return ""
}

// tokens reads such as 1..40,7 or a/0.
func (r *tracer) tokens(text string) (list []int32) {
	for part := range strings.SplitSeq(text, ",") {
		if name, sample, ok := strings.Cut(part, "/"); ok {
			i, _ := strconv.Atoi(sample)
			list = append(append(list, r.groups[name].Prompt...), r.groups[name].Tokens(i)...)
			continue
		}
		first, last, ok := strings.Cut(part, "..")
		if !ok {
			last = first
		}
		from, err1 := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err1 != nil || err2 != nil {
			r.t.Fatalf("no tokens: %q", text)
		}
		for ; from <= to; from++ {
			list = append(list, int32(from))
		}
	}
	return list
}

func positions(text string, read func(string) []int32) (list []int) {
	if text == "" || text == "all" {
		return nil
	}
	for _, p := range read(text) {
		list = append(list, int(p))
	}
	return list
}

func (r *tracer) next(g *Group, i int) (int32, bool) {
	return int32(1000 + i), len(g.Tokens(i))+1 == g.MaxTokens
}

// step is a step's parts, one a line, and what there is after it.
func (r *tracer) step() string {
	var out strings.Builder
	cached := map[*Group]bool{}
	for _, g := range r.m.sched.prefills {
		cached[g] = g.computes
	}
	for _, p := range r.m.step(r.next) {
		name := r.names[p.Group]
		if p.Seq != nil {
			fmt.Fprintf(&out, "  %s/%d: position %d\n", name, p.Seq.Index, p.Pos)
			continue
		}
		fmt.Fprintf(&out, "  %s:", name)
		if n := p.Group.Cached(); n > 0 && !cached[p.Group] {
			fmt.Fprintf(&out, " %d cached,", n)
		}
		if len(p.Tokens) > 0 {
			fmt.Fprintf(&out, " %d to %d,", p.Pos, p.End()-1)
		}
		fmt.Fprintf(&out, " %d logits\n", len(p.Wanted))
	}
	return fmt.Sprintf("step %d: %s%s", r.m.steps, r.state(), out.String())
}

// state is how many blocks there are of which kind.
func (r *tracer) state() string {
	return fmt.Sprintf("%d blocks held of %d reserved, %d cached; %d groups wait\n",
		r.m.pool.Held(), r.m.sched.reserved, r.m.pool.Cached(), r.m.sched.waiting)
}
