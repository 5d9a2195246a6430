package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"tinsmith.example/internal/bench"
)

// writeReport prints a report for people: a table for each kind of figure.
func writeReport(out io.Writer, r *bench.Report) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	writeHead(w, r)
	writeLoads(w, r.Loads)
	writeAttention(w, r.Attention)
	writeArrival(w, r.Arrival)
	writePrefix(w, r.Prefix)
	writeMixed(w, r.Mixed)
	writePeers(w, r.Peers)
	writeComparison(w, r.Comparison)
	return w.Flush()
}

func writeHead(w io.Writer, r *bench.Report) {
	fmt.Fprintf(w, "model\t%s: %s %s, %.0f M parameters, context %d\n",
		r.Model.Name, r.Model.Architecture, r.Model.Quantization, float64(r.Model.Parameters)/1e6, r.Model.Context)
	fmt.Fprintf(w, "machine\t%s, %s kernels, threads: %d\n", r.Machine.Platform, r.Machine.Kernels, r.Machine.Threads)
	fmt.Fprintf(w, "limits\treads %.1f GB/s, multiplies %.1f G products/s (%s)\n",
		r.Machine.ReadRate/1e9, r.Machine.MultiplyRate/1e9, r.Machine.Instruction)
	fmt.Fprintf(w, "load\t%.0f ms, from the page cache\n", 1000*r.LoadSeconds)
	fmt.Fprintf(w, "memory\t%.0f MB loaded, %.0f MB at most; KV cache of %d tokens\n",
		float64(r.Memory.Loaded)/1e6, float64(r.Memory.Peak)/1e6, r.Memory.KVTokens)
	if r.FirstToken != nil {
		fmt.Fprintf(w, "first token\t%.1f ms at best, %.1f ms in the median, of a prompt of 512 tokens\n", r.FirstToken.Best, r.FirstToken.Median)
	}
	if p := r.Prefill; p != nil {
		fmt.Fprintf(w, "prefill\t%d tokens at %.0f/s, %d at %.0f/s: %s of that rate, and %s of the limit\n",
			p.ShortTokens, p.ShortRate, p.LongTokens, p.LongRate, percent(p.Share), percent(p.Roofline.Share))
	}
}

func writeLoads(w io.Writer, loads []bench.LoadResult) {
	if len(loads) == 0 {
		return
	}
	fmt.Fprintln(w, "\nLOAD\tTOKENS/S\tMEDIAN\tLIMIT\tSHARE\tBOUND BY\tSTEPS\tMS, P50\tP90\tP99\tMAX")
	for _, l := range loads {
		fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%.1f\t%s\t%s\t%d\t%.2f\t%.2f\t%.2f\t%.2f\n",
			l.Name, l.Rate.Best, l.Rate.Median, l.Roofline.TokensPerSecond, percent(l.Roofline.Share), l.Roofline.Bound,
			l.Steps.Count, l.Steps.P50, l.Steps.P90, l.Steps.P99, l.Steps.Max)
	}
}

func writeAttention(w io.Writer, attention []bench.Attention) {
	if len(attention) == 0 {
		return
	}
	fmt.Fprintln(w, "\nATTENTION\tROWS\tROWS/S\tG PRODUCTS/S\tSHARE")
	for _, a := range attention {
		fmt.Fprintf(w, "%d positions\t%d\t%.0f\t%.1f\t%s\n", a.Positions, a.Rows, a.RowRate, a.MultiplyRate/1e9, percent(a.Share))
	}
}

func writePeers(w io.Writer, peers []bench.PeerResult) {
	for _, p := range peers {
		fmt.Fprintf(w, "\n%s\tTOKENS/S\tMEDIAN\tOURS / THEIRS\tMEDIAN\n", p.Kind)
		for _, l := range p.Loads {
			fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%.2f\t%.2f\n", l.Name, l.Rate.Best, l.Rate.Median, l.Ratio.Best, l.Ratio.Median)
		}
	}
}

func writeComparison(w io.Writer, ratios []bench.Ratio) {
	if len(ratios) == 0 {
		return
	}
	fmt.Fprintln(w, "\nFIGURE\tBEFORE\tNOW\tNOW / BEFORE")
	for _, r := range ratios {
		fmt.Fprintf(w, "%s\t%.5g\t%.5g\t%.3f\n", r.Figure, r.Before, r.Now, r.Ratio)
	}
}

func percent(share float64) string { return fmt.Sprintf("%.0f%%", 100*share) }
