package main

import (
	"fmt"
	"io"

	"tinsmith.example/internal/bench"
)

func writeArrival(w io.Writer, a *bench.Arrival) {
	if a == nil {
		return
	}
	fmt.Fprintf(w, "\narrival\ta prompt of %d tokens while %d sequences are sampled\n", a.PromptTokens, a.Sequences)
	fmt.Fprintln(w, "ROUND\tSTEP, MS\tWITH PROMPT\tAFTER IT\tRATIO\tGROWTH\tSTEPS\tFIRST TOKEN, MS\tIDLE\tLIMIT\tOF LIMIT")
	for i, r := range a.Rounds {
		fmt.Fprintf(w, "%d\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%d\t%.0f\t%.0f\t%.0f\t%s\n",
			i+1, r.Before, r.During, r.After, r.Ratio, r.Growth, r.Steps, r.FirstToken, r.Idle, r.Limit, percent(r.LimitShare))
	}
}

func writePrefix(w io.Writer, p *bench.Prefix) {
	if p == nil {
		return
	}
	fmt.Fprintf(w, "\nprefix\t%d tokens of %d are shared\n", p.SharedTokens, p.PromptTokens)
	fmt.Fprintln(w, "KIND\tFIRST, MS\tREQUESTS\tTOGETHER, MS\tRATIO\tMEDIAN\tEACH ADDS\tMEDIAN\tFROM CACHE")
	for _, c := range p.Costs {
		fmt.Fprintf(w, "%s\t%.1f\t%d\t%.1f\t%.3f\t%.3f\t%.1f%%\t%.1f%%\t%d tokens\n",
			c.Name, c.First, c.Requests, c.Second, c.Ratio.Best, c.Ratio.Median, 100*c.Extra.Best, 100*c.Extra.Median, c.HitTokens)
	}
}

func writeMixed(w io.Writer, m *bench.Mixed) {
	if m == nil {
		return
	}
	fmt.Fprintf(w, "\nmixed\t%d clients, %.1f s: %s of the pure loads\n", m.Clients, m.Seconds, percent(m.Share))
	fmt.Fprintf(w, "requests\t%d started: %d finished, %d cancelled, %d failed, %d lost\n",
		m.Requests.Started, m.Requests.Finished, m.Requests.Cancelled, m.Requests.Failed, m.Requests.Lost)
	fmt.Fprintf(w, "repeated\t%d alone, of which %d differ\n", m.Repeated.Compared, m.Repeated.Different)
	fmt.Fprintf(w, "goroutines\t%d before, %d after\n", m.Goroutines.Start, m.Goroutines.End)
	fmt.Fprintf(w, "resident, MB\t%.0f before, after each tenth", float64(m.Resident.Start)/1e6)
	for _, bytes := range m.Resident.Parts {
		fmt.Fprintf(w, " %.0f", float64(bytes)/1e6)
	}
	fmt.Fprintf(w, ", %.0f after; %.0f at most\n", float64(m.Resident.End)/1e6, float64(m.Resident.Most)/1e6)
	fmt.Fprintln(w, "WORK\tTOKENS\tTOKENS/S\tPURE")
	row := func(work string, tokens int, pure string) {
		fmt.Fprintf(w, "%s\t%d\t%.1f\t%s\n", work, tokens, float64(tokens)/m.Seconds, pure)
	}
	row("prompt", m.Rows.Prompt, fmt.Sprintf("%.1f", m.Pure.Prompt))
	row("scored", m.Rows.Scored, fmt.Sprintf("%.1f with their prefill", m.Pure.Scored))
	row("sampled", m.Rows.Sampled, fmt.Sprintf("%.1f, %d at once", m.Pure.Sampled, m.Pure.Samples))
	row("from cache", m.Cached, "")
}
