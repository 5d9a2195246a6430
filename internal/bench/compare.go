package bench

import (
	"fmt"
	"strconv"
)

// A Ratio is one figure of two reports.
type Ratio struct {
	Figure string  `json:"figure"`
	Before float64 `json:"before"`
	Now    float64 `json:"now"`
	Ratio  float64 `json:"ratio"` // now over before
}

// Compare holds a report against one of before, figure by figure; those that
// only one of them has are left out.
func Compare(before, now *Report) []Ratio {
	var ratios []Ratio
	old := map[string]float64{}
	for _, f := range before.figures() {
		old[f.name] = f.value
	}
	for _, f := range now.figures() {
		if was := old[f.name]; was != 0 && f.value != 0 {
			ratios = append(ratios, Ratio{f.name, was, f.value, f.value / was})
		}
	}
	return ratios
}

// A figure is one number of a report under a name of its own.
type figure struct {
	name  string
	value float64
}

func (r *Report) figures() []figure {
	f := []figure{
		{"read, bytes/s", r.Machine.ReadRate},
		{"multiply, products/s", r.Machine.MultiplyRate},
		{"load, s", r.LoadSeconds},
		{"memory, loaded, bytes", float64(r.Memory.Loaded)},
		{"memory, peak, bytes", float64(r.Memory.Peak)},
	}
	if r.FirstToken != nil {
		f = append(f, figure{"first token, best, ms", r.FirstToken.Best}, figure{"first token, median, ms", r.FirstToken.Median})
	}
	if r.Prefill != nil {
		f = append(f, figure{"long prefill, tokens/s", r.Prefill.LongRate})
	}
	for _, l := range r.Loads {
		f = append(f,
			figure{l.Name + ", best, tokens/s", l.Rate.Best},
			figure{l.Name + ", median, tokens/s", l.Rate.Median},
			figure{l.Name + ", roofline share", l.Roofline.Share},
			figure{l.Name + ", step p50, ms", l.Steps.P50},
			figure{l.Name + ", step p99, ms", l.Steps.P99},
		)
	}
	for _, a := range r.Attention {
		f = append(f, figure{a.title() + ", products/s", a.MultiplyRate})
	}
	return f
}

// Differences says what the two reports are of, where that is not the same
// thing: then ratios mean less.
func Differences(before, now *Report) []Difference {
	var d []Difference
	for _, x := range []Difference{
		{"model", before.Model.Name, now.Model.Name},
		{"weights", before.Model.Quantization, now.Model.Quantization},
		{"platform", before.Machine.Platform, now.Machine.Platform},
		{"kernels", before.Machine.Kernels, now.Machine.Kernels},
		{"threads", strconv.Itoa(before.Machine.Threads), strconv.Itoa(now.Machine.Threads)},
	} {
		if x.Before != x.Now {
			d = append(d, x)
		}
	}
	return d
}

// A Difference is what differs between the circumstances of two reports.
type Difference struct{ What, Before, Now string }

func (a *Attention) title() string {
	return fmt.Sprintf("attention, %d positions, %d rows", a.Positions, a.Rows)
}
