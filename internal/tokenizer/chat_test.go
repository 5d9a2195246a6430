package tokenizer

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

// withTemplate is the default model's tokenizer with another chat template.
func withTemplate(t testing.TB, template string) *Tokenizer {
	base := smol(t)
	tok := &Tokenizer{vocabulary: base.vocabulary, roles: base.roles}
	tok.chat.source = template
	return tok
}

func TestChatAsTheReference(t *testing.T) {
	b, err := os.ReadFile("testdata/chat.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Template string
		Messages []Message
		Generate bool
		Want     string
	}
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	own := 0
	for _, c := range cases {
		tok := withTemplate(t, c.Template)
		if c.Template == smol(t).template {
			tok = smol(t)
			own++
		}
		got, err := tok.RenderChat(c.Messages, c.Generate)
		if err != nil || got != c.Want {
			t.Errorf("template %.60q, messages %.80q, generate %v:\ngot  %q, %v\nwant %q",
				c.Template, c.Messages, c.Generate, got, err, c.Want)
		}
	}
	if own == 0 {
		t.Error("the model's own template was not tried")
	}
}

// Each of these would take the program's memory, its stack or its time.
func TestHostileTemplatesAreRefused(t *testing.T) {
	double := "{% set ns = namespace(s='xxxxxxxx') %}"
	for _, tt := range []struct{ name, template, want string }{
		{"recursion", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "deep"},
		{"recursion through another", "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}", "deep"},
		{"recursion by argument", "{% macro a(f) %}{{ f(f) }}{% endmacro %}{{ a(a) }}", "deep"},
		{"recursion by caller", "{% macro a() %}{{ caller(caller) }}{% endmacro %}{% call(f) a() %}{{ f(f) }}{% endcall %}", "deep"},
		{"range", "{% for i in range(900000000) %}{% endfor %}", "range"},
		{"backward range", "{% for i in range(0, -900000000, -1) %}{% endfor %}", "range"},
		{"nested loops", "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}", "it takes"},
		{"doubling", double + "{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}", "bytes"},
		{"doubling by replacing", double + "{% for i in range(99) %}{% set ns.s = ns.s | replace('x', ns.s) %}{% endfor %}", "bytes"},
		{"doubling by joining", double + "{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] | join(ns.s) %}{% endfor %}", "bytes"},
		{"doubling a list", "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "bytes"},
		{"repetition", "{{ 'x' * 100000000 }}", "factor"},
		{"repetition by a variable", "{% set n = 100000000 %}{{ 'x' * n }}", "argument"},
		{"indentation", "{{ 'x' | indent(width=900000000) }}", "argument"},
		{"printing", "{% set s = messages[0].content * 999 %}{% for i in range(9999) %}{% for j in range(99) %}{{ s }}{% endfor %}{% endfor %}", "prints too much"},
		{"printing text", "{% for i in range(9999) %}" + strings.Repeat("text ", 1000) + "{% endfor %}", "prints too much"},
		{"list within itself", "{% set l = [] %}{% for i in range(999) %}{% set ignored = l.append(l) %}{% endfor %}{{ l }}", "bytes"},
		{"namespace within itself", "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns == ns }}{{ ns }}", "deep"},
		{"slice", "{% set n = 900000000 %}{{ 'é'[0:n + n] }}", "argument"},
		{"brackets", "{{ " + strings.Repeat("(", 10_000) + "1" + strings.Repeat(")", 10_000) + " }}", "nested"},
		{"blocks", strings.Repeat("{% if 1 %}", 1000), "nested"},
		{"size", strings.Repeat("x", maxTemplate+1), "bytes"},
		{"escape from the guard", "{{ 1) ~ (2 }}", "closes nothing"},
		{"guard's names", "{% set guard__enter = 1 %}", "not supported"},
		{"guard's names in use", "{{ guard__leave() }}", "reserved"},
		{"negative repetition", "{% set n = -1 %}{{ 'x' * n }}", "running it failed"},
		{"no end", "{{ 'x", "no end"},
		{"unknown statement", "{% include 'x' %}", "include"},
		{"refusal", "{{ raise_exception('only pairs') }}", "only pairs"},
	} {
		start := time.Now()
		_, err := withTemplate(t, tt.template).RenderChat([]Message{{"user", "hello"}}, true)
		var templateErr *TemplateError
		if !errors.As(err, &templateErr) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one about %q", tt.name, err, tt.want)
		}
		if d := time.Since(start); d > 2*maxRenderTime {
			t.Errorf("%s took %v", tt.name, d)
		}
	}
}

func TestChatWithoutTemplateOrMessages(t *testing.T) {
	if _, err := withTemplate(t, "").RenderChat([]Message{{"user", "x"}}, true); !errors.Is(err, ErrNoChatTemplate) {
		t.Errorf("no template: %v, want ErrNoChatTemplate", err)
	}
	if _, err := smol(t).RenderChat(nil, true); !errors.Is(err, ErrNoMessages) {
		t.Errorf("no messages: %v, want ErrNoMessages", err)
	}
}

// A template may be anything and must do no harm. The scanner's own work is
// fuzzed together with the library's.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{
		smol(f).template, "{% for m in messages %}{{ m.content }}{% endfor %}", "{%- raw -%} {{ x }} {%- endraw -%} x",
		"{% macro m(a, b=[]) %}{{ a }}{% endmacro %}{{ m('x') }}", "{# #}{{ {'a': {}} }}", "{% set x %}y{% endset %}{{ x[1:] }}",
		"{{ 'x' * 3 ~ messages[::-1] | tojson(indent=2) }}", "{% set ns = namespace(a=1) %}{% set ns.a = ns %}{{ ns }}",
	} {
		f.Add(s, "hello")
	}
	f.Fuzz(func(t *testing.T, template, content string) {
		if len(template) > 4096 || len(content) > 4096 {
			return
		}
		withTemplate(t, template).RenderChat([]Message{{"user", content}}, true)
	})
}
