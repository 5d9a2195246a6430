package tokenizer

import (
	"fmt"
	"strings"
	"unicode"
)

// A segment is a part of a Jinja template: a tag, or the text between two.
type segment struct {
	kind byte   // '%' a statement, '{' an expression, 't' text
	body string // without delimiters and signs; for text what is to be printed
	line int    // where it starts, from 1
}

// scanTemplate cuts a template into segments. It does itself what Jinja's
// lexer does to white space, with the settings that chat templates are written
// for: trim_blocks (a statement takes the newline after it) and lstrip_blocks
// (and the indentation before it), the signs - and + in tags, and no newline at
// the end of the template. Comments and empty texts are left out.
func scanTemplate(source string) ([]segment, error) {
	s := strings.ReplaceAll(strings.ReplaceAll(source, "\r\n", "\n"), "\r", "\n")
	s = strings.TrimSuffix(s, "\n")
	var segments []segment
	line, counted := 1, 0
	add := func(kind byte, body string, at int) {
		line += strings.Count(s[counted:at], "\n")
		counted = at
		if kind != 't' || body != "" {
			segments = append(segments, segment{kind, body, line})
		}
	}
	for pos := 0; pos < len(s); {
		start := nextTag(s, pos)
		if start < 0 {
			add('t', s[pos:], pos)
			break
		}
		kind := s[start+1]
		body := start + 2
		sign := byte(0)
		if body < len(s) && (s[body] == '-' || s[body] == '+') {
			sign = s[body]
			body++
		}
		add('t', textBefore(s, pos, start, kind, sign), pos)
		end, after, err := tagEnd(s, body, kind)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line+strings.Count(s[counted:start], "\n"), err)
		}
		content := strings.TrimSpace(s[body:end])
		switch {
		case kind == '%' && content == "raw":
			text, behind, err := rawText(s, after)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", line, err)
			}
			add('t', text, after)
			after = behind
		case kind != '#':
			add(kind, content, start)
		}
		pos = skipAfter(s, after, kind)
	}
	return segments, nil
}

// nextTag returns where the next tag starts, -1 if there is none.
func nextTag(s string, pos int) int {
	for i := pos; i+1 < len(s); i++ {
		if s[i] == '{' && (s[i+1] == '{' || s[i+1] == '%' || s[i+1] == '#') {
			return i
		}
	}
	return -1
}

// textBefore returns what is printed of the text s[pos:start] before a tag.
func textBefore(s string, pos, start int, kind, sign byte) string {
	text := s[pos:start]
	switch {
	case sign == '-':
		return strings.TrimRightFunc(text, unicode.IsSpace)
	case sign == '+' || kind == '{':
		return text
	}
	newline := strings.LastIndexByte(text, '\n')
	startsLine := newline >= 0 || pos == 0 || s[pos-1] == '\n'
	if startsLine && strings.TrimSpace(text[newline+1:]) == "" {
		return text[:newline+1]
	}
	return text
}

// tagEnd returns where the content of the tag ends that starts at s[body:], and
// what is behind its delimiter.
func tagEnd(s string, body int, kind byte) (end, after int, err error) {
	closer := map[byte]string{'%': "%}", '{': "}}", '#': "#}"}[kind]
	brackets := 0
	for i := body; i < len(s); i++ {
		if brackets == 0 && strings.HasPrefix(s[i:], closer) {
			end = i
			if i > body && (s[i-1] == '-' || s[i-1] == '+' && kind != '{') {
				end = i - 1
			}
			return end, i + 2, nil
		}
		if kind == '#' {
			continue
		}
		switch s[i] {
		case '\'', '"':
			n := quotedLength(s[i:])
			if n < 0 {
				return 0, 0, fmt.Errorf("a string in a tag has no end")
			}
			i += n - 1
		case '(', '[', '{':
			brackets++
		case ')', ']', '}':
			brackets--
		}
	}
	return 0, 0, fmt.Errorf("the tag {%c has no end %s", kind, closer)
}

// quotedLength returns the length of the string literal that s starts with, -1
// if it has no end.
func quotedLength(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			return i + 1
		}
	}
	return -1
}

// skipAfter returns where the text starts that is printed after a tag of that
// kind, whose delimiter ends at s[:after].
func skipAfter(s string, after int, kind byte) int {
	switch s[after-3] { // before the delimiter
	case '-':
		for after < len(s) && strings.IndexByte(" \t\n\v\f", s[after]) >= 0 {
			after++
		}
	case '+':
	default:
		if kind != '{' && after < len(s) && s[after] == '\n' {
			after++
		}
	}
	return after
}

// rawText returns the text between {% raw %}, which ends at s[:start], and
// {% endraw %}, and where that ends.
func rawText(s string, start int) (text string, after int, err error) {
	if s[start-3] == '-' {
		start = skipAfter(s, start, '%')
	}
	for i := start; ; i++ {
		next := strings.Index(s[i:], "{%")
		if next < 0 {
			return "", 0, fmt.Errorf("a raw block has no end")
		}
		i += next
		end := strings.Index(s[i:], "%}")
		if end < 0 {
			return "", 0, fmt.Errorf("a raw block has no end")
		}
		tag := s[i+2 : i+end]
		if strings.TrimSpace(strings.Trim(tag, "-+")) != "endraw" {
			continue
		}
		text = s[start:i]
		if tag[0] == '-' {
			text = strings.TrimRightFunc(text, unicode.IsSpace)
		}
		return text, i + end + 2, nil
	}
}
