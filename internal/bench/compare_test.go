package bench

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func report() *Report {
	return &Report{
		Version: Version,
		Model:   Model{Name: "m", Quantization: "Q4_1"},
		Machine: Machine{Platform: "linux/amd64", Kernels: "avx512", Threads: 2, ReadRate: 2e10, MultiplyRate: 1e11},
		Loads: []LoadResult{
			{Name: "stream1", Rate: Spread{200, 150}, Steps: Times{Count: 128, P50: 5, P99: 9}, Roofline: Roofline{Share: 0.5}},
			{Name: "score16", Rate: Spread{600, 500}},
		},
		Attention: []Attention{{Positions: 128, Rows: 3, MultiplyRate: 4e10}},
	}
}

func TestAReportComparedWithItselfIsOnes(t *testing.T) {
	b, err := json.Marshal(report())
	if err != nil {
		t.Fatal(err)
	}
	read, err := ReadReport(strings.NewReader(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	ratios := Compare(read, report())
	if len(ratios) < 8 {
		t.Errorf("only %d figures: %+v", len(ratios), ratios)
	}
	for _, r := range ratios {
		if r.Ratio != 1 {
			t.Errorf("%+v", r)
		}
	}
	if d := Differences(read, report()); len(d) != 0 {
		t.Errorf("differences: %+v", d)
	}
}

func TestCompareIsNowOverBefore(t *testing.T) {
	before, now := report(), report()
	now.Loads = now.Loads[:1] // --load stream1
	now.Loads[0].Rate.Best = 300
	now.FirstToken = &Spread{7, 8} // which the one before lacks
	now.Machine.Threads = 4
	ratios := Compare(before, now)
	if want := (Ratio{"stream1, best, tokens/s", 200, 300, 1.5}); !slices.Contains(ratios, want) {
		t.Errorf("%+v lacks %+v", ratios, want)
	}
	for _, r := range ratios {
		if strings.HasPrefix(r.Figure, "score16") || strings.HasPrefix(r.Figure, "first token") {
			t.Errorf("only one report has %+v", r)
		}
	}
	if got, want := Differences(before, now), []Difference{{"threads", "2", "4"}}; !slices.Equal(got, want) {
		t.Errorf("differences %+v, want %+v", got, want)
	}
}

func TestReadReportRefusesWhatIsNone(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", "not a report"},
		{"LOAD TOKENS/S", "not a report"},
		{"[]", "not a report"},
		{"{}", "version 0"},
		{`{"version":2}`, "version 2"},
		{`{"version":1,"tokens":[1]}`, "says nothing of the machine"}, // a receipt has a version, too
	} {
		if _, err := ReadReport(strings.NewReader(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want an error that says %q", tt.text, err, tt.want)
		}
	}
}
