package catalog

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

func TestChoice(t *testing.T) {
	all := []string{"m-IQ4_1.gguf", "m-Q8_0.gguf", "m-q4_0.gguf", "m-F16.gguf", "mmproj-m-Q4_1.gguf", "m-Q4_1-00001-of-00002.gguf"}
	for _, tt := range []struct {
		files []string
		asked string
		want  string // empty: a ChoiceError
	}{
		{[]string{"only-Q3_K_M.gguf"}, "", "only-Q3_K_M.gguf"},
		{all, "", "m-Q8_0.gguf"},
		{append(all, "m.Q4_1.gguf"), "", "m.Q4_1.gguf"},
		{append(all, "m.Q4_1.gguf", "n.Q4_1.gguf"), "", "m-Q8_0.gguf"},
		{all, "Q4_0", "m-q4_0.gguf"}, {all, "m-F16.gguf", "m-F16.gguf"}, {all, "Q6_K", ""},
		{[]string{"a-Q4_K_M.gguf", "a-Q6_K.gguf"}, "", ""}, {nil, "", ""},
		{[]string{"a-Q4_K_M.gguf", "a-Q4_K_S.gguf"}, "Q4_K", ""},
	} {
		got, err := choose("org/x", tt.files, tt.asked)
		_, refused := errors.AsType[*ChoiceError](err)
		if got != tt.want || refused != (tt.want == "") {
			t.Errorf("choose(%v, %q) = %q, %v; want %q", tt.files, tt.asked, got, err, tt.want)
		}
	}
}

// Whatever a name holds, it names a file inside the cache folder or nothing.
func FuzzParseRepo(f *testing.F) {
	for _, s := range []string{"org/name", "org/name:Q8_0", "org/name:sub/x.gguf", "a/..", "a/b:../../x", "a/b:c\\d", "a/b:/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		repo, asked, ok := parseRepo(s)
		if !ok {
			return
		}
		for _, p := range []string{repo, asked} {
			if p != "" && !filepath.IsLocal(filepath.FromSlash(p)) {
				t.Errorf("%q gives %q, which leaves the folder", s, p)
			}
		}
		if again := strings.TrimSuffix(repo+":"+asked, ":"); again != s {
			t.Errorf("%q was read as %q", s, again)
		}
	})
}
