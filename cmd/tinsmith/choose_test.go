package main

import (
	"testing"

	"tinsmith.example/internal/catalog"
	"tinsmith.example/tinker"
)

func TestChooseTakesTheModelThatWasMeant(t *testing.T) {
	const full, short, other = catalog.DefaultServedName, catalog.DefaultModel, "my/other"
	for _, tt := range []struct {
		name, asked string
		served      []string
		want        string // empty: an error
	}{
		{"the only one", "", []string{other}, other},
		{"the default among several", "", []string{other, full}, full},
		{"no default among several", "", []string{other, "my/third"}, ""},
		{"by its name", other, []string{full, other}, other},
		{"by its name in the catalogue", short, []string{other, full}, full},
		{"a server's own use of that name", short, []string{short, full}, short},
		{"not there", "my/third", []string{other}, ""},
		{"nothing listed", "my/third", nil, "my/third"},
		{"nothing listed or asked", "", nil, full},
	} {
		var served []tinker.Model
		for _, name := range tt.served {
			served = append(served, tinker.Model{Name: name})
		}
		got, err := choose("http://server", tt.asked, served)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s: got %q, %v, want %q", tt.name, got, err, tt.want)
		}
	}
}
