package tokenizer

import (
	"fmt"
	"strings"
)

// The template library evaluates what a template says without any bound: an
// endless recursion is a stack overflow, which ends the program. So templates
// are rewritten before the library sees them: every text and expression is
// printed through a function that counts, every loop and macro calls one that
// may refuse to go on, and arguments that decide how large a result becomes go
// through one that looks at them. chat_limits.go has the functions.
const (
	reserved   = "guard__" // no name in a template may start with it
	guardText  = reserved + "text"
	guardPrint = reserved + "print"
	guardStep  = reserved + "step"
	guardEnter = reserved + "enter"
	guardLeave = reserved + "leave"
	guardValue = reserved + "value"
	guardCopy  = reserved + "copy"
	guardSmall = reserved + "small"
	guardIndex = reserved + "index"
)

// guardedArguments names the filters and methods whose arguments are looked at,
// and by what.
var guardedArguments = map[string]string{
	"append": guardCopy, "insert": guardCopy, "update": guardCopy, // a value within itself
	"replace": guardSmall, "join": guardSmall, "format": guardSmall,
	"indent": guardSmall, "batch": guardSmall, "tojson": guardSmall, "round": guardSmall,
}

// guardTemplate writes the template out again, guarded, and returns the texts
// that it prints by number.
func guardTemplate(segments []segment) (source string, texts []string, err error) {
	var g guardWriter
	for _, seg := range segments {
		var err error
		switch seg.kind {
		case 't':
			fmt.Fprintf(&g.out, "{{ %s(%d) }}", guardText, len(g.texts))
			g.texts = append(g.texts, seg.body)
		case '{':
			err = g.expression(seg.body)
		default:
			err = g.statement(seg.body)
		}
		if err != nil {
			return "", nil, fmt.Errorf("line %d: %w", seg.line, err)
		}
	}
	return g.out.String(), g.texts, nil
}

type guardWriter struct {
	out   strings.Builder
	texts []string
	sets  []string // the targets of the open {% set %} blocks
	depth int      // open blocks
}

// maxNesting bounds brackets within brackets and blocks within blocks, since
// the library follows both by recursion.
const maxNesting = 64

func (g *guardWriter) expression(body string) error {
	guarded, err := guardExpression(body)
	if err != nil {
		return err
	}
	fmt.Fprintf(&g.out, "{{ %s(%s) }}", guardPrint, guarded)
	return nil
}

// tag writes a statement. What follows the keyword is an expression unless it
// is "".
func (g *guardWriter) tag(keyword, rest string) error {
	guarded := ""
	if rest != "" {
		var err error
		if guarded, err = guardExpression(rest); err != nil {
			return err
		}
	}
	fmt.Fprintf(&g.out, "{%% %s %s %%}", keyword, guarded)
	return nil
}

func (g *guardWriter) call(function, argument string) {
	fmt.Fprintf(&g.out, "{%% set %signored = %s(%s) %%}", reserved, function, argument)
}

func (g *guardWriter) statement(body string) error {
	keyword := body[:nameLength(body)]
	rest := strings.TrimSpace(body[len(keyword):])
	switch keyword {
	case "if", "for", "macro", "call", "filter":
		if g.depth++; g.depth > maxNesting {
			return fmt.Errorf("blocks are nested more than %d deep", maxNesting)
		}
	case "endif", "endfor", "endmacro", "endcall", "endfilter", "endset":
		g.depth--
	}
	switch keyword {
	case "if", "elif":
		if rest == "" {
			return fmt.Errorf("%s has no condition", keyword)
		}
		return g.tag(keyword, rest)
	case "else", "endif", "endfor", "endfilter", "break", "continue":
		return g.tag(keyword, "")
	case "generation", "endgeneration": // mark what the model said, print nothing
		return nil
	case "for":
		if err := g.tag(keyword, rest); err != nil {
			return err
		}
		g.call(guardStep, "")
	case "macro":
		if err := checkMacro(rest); err != nil {
			return err
		}
		fmt.Fprintf(&g.out, "{%% macro %s %%}", rest)
		g.call(guardEnter, "")
	case "call":
		if err := g.tag(keyword, rest); err != nil {
			return err
		}
		g.call(guardEnter, "")
	case "endmacro", "endcall":
		g.call(guardLeave, "")
		return g.tag(keyword, "")
	case "filter":
		if rest == "" || nameLength(rest) != len(rest) {
			return fmt.Errorf("the filter block %q is not supported", abbreviate(rest))
		}
		return g.tag(keyword, rest)
	case "set":
		return g.set(rest)
	case "endset":
		if len(g.sets) == 0 {
			return fmt.Errorf("endset without set")
		}
		target := g.sets[len(g.sets)-1]
		g.sets = g.sets[:len(g.sets)-1]
		fmt.Fprintf(&g.out, "{%% endset %%}")
		g.call(guardValue, target)
	default:
		return fmt.Errorf("the statement %q is not supported", abbreviate(keyword))
	}
	return nil
}

// set writes an assignment, to a name or to an attribute of a namespace, and
// has what was assigned to looked at.
func (g *guardWriter) set(rest string) error {
	target, value, inline := strings.Cut(rest, "=")
	target = strings.TrimSpace(target)
	name, attribute, isAttribute := strings.Cut(target, ".")
	name, attribute = strings.TrimSpace(name), strings.TrimSpace(attribute)
	if !isName(name) || isAttribute && !isName(attribute) {
		return fmt.Errorf("assigning to %q is not supported", abbreviate(target))
	}
	if isAttribute {
		target = name + "." + attribute
	}
	if !inline {
		if isAttribute {
			return fmt.Errorf("a set block for %q is not supported", abbreviate(target))
		}
		if g.depth++; g.depth > maxNesting {
			return fmt.Errorf("blocks are nested more than %d deep", maxNesting)
		}
		g.sets = append(g.sets, name)
		fmt.Fprintf(&g.out, "{%% set %s %%}", name)
		return nil
	}
	if err := g.tag("set "+target+" =", strings.TrimSpace(value)); err != nil {
		return err
	}
	g.call(guardValue, name)
	return nil
}

// checkMacro checks that a macro's head is a name with parameters whose
// defaults are literals.
func checkMacro(head string) error {
	tokens, err := exprTokens(head)
	if err != nil {
		return err
	}
	for i, t := range tokens {
		if i == 0 && t.kind != 'n' || t.kind == 'p' && !strings.Contains("(),=-[]{}", t.text) {
			return fmt.Errorf("the macro %q is not supported", abbreviate(head))
		}
	}
	if len(tokens) < 3 || tokens[1].text != "(" || tokens[len(tokens)-1].text != ")" {
		return fmt.Errorf("the macro %q has no parameter list", abbreviate(head))
	}
	return nil
}

// guardExpression writes an expression out again with its delicate arguments
// wrapped. Everything else stays as it is, with the space around it.
func guardExpression(expression string) (string, error) {
	tokens, err := exprTokens(expression)
	if err != nil {
		return "", err
	}
	if len(tokens) == 0 {
		return "", fmt.Errorf("an expression is empty")
	}
	var w expressionWriter
	end := 0 // of the previous token
	for i, t := range tokens {
		w.out.WriteString(expression[end:t.start])
		end = t.start + len(t.text)
		if err := w.token(tokens, i); err != nil {
			return "", err
		}
	}
	if len(w.open) > 0 {
		return "", fmt.Errorf("%q is not closed", w.open[len(w.open)-1].bracket)
	}
	return w.out.String() + " ", nil
}

// An expressionWriter is in the middle of an expression.
type expressionWriter struct {
	out   strings.Builder
	open  []openBracket
	joins int // operators that put strings together
	// factor: the next token is the right side of a product.
	factor bool
}

// An openBracket has arguments, each of which goes through guard, unless that
// is "".
type openBracket struct {
	bracket   string
	guard     string
	separator string
	wrapped   bool // the current argument's wrapper is open
	started   bool // the current argument has begun
}

// maxJoins bounds how many strings one expression can put together.
const maxJoins = 256

func (w *expressionWriter) token(tokens []exprToken, i int) error {
	t := tokens[i]
	text := func(k int) string {
		if k < 0 || k >= len(tokens) {
			return ""
		}
		return tokens[k].text
	}
	if len(w.open) > 0 {
		b := &w.open[len(w.open)-1]
		ends := t.kind == 'p' && (t.text == b.separator || t.text == closers[b.bracket])
		switch {
		case ends && b.wrapped:
			w.out.WriteString(")")
			b.wrapped, b.started = false, false
		case ends:
			b.started = false
		case !b.started && b.guard != "" && !(t.kind == 'n' && text(i+1) == "=") && t.text != "=":
			w.out.WriteString(b.guard + "(")
			b.wrapped, b.started = true, true
		case !(t.kind == 'n' && text(i+1) == "=") && t.text != "=":
			b.started = true
		}
	}
	if t.kind != 'p' {
		if w.factor && t.kind == 'n' {
			w.out.WriteString(guardSmall + "(" + t.text + ")")
		} else {
			w.out.WriteString(t.text)
		}
		w.factor = false
		return nil
	}
	switch t.text {
	case "(", "[", "{":
		if len(w.open) == maxNesting {
			return fmt.Errorf("brackets are nested more than %d deep", maxNesting)
		}
		b := openBracket{bracket: t.text, separator: ","}
		if before := text(i - 2); t.text == "(" && (before == "." || before == "|") {
			b.guard = guardedArguments[text(i-1)]
		}
		if t.text == "[" && hasColon(tokens[i+1:]) {
			b.guard, b.separator = guardIndex, ":"
		}
		w.open = append(w.open, b)
	case ")", "]", "}":
		if len(w.open) == 0 || closers[w.open[len(w.open)-1].bracket] != t.text {
			return fmt.Errorf("%q closes nothing", t.text)
		}
		w.open = w.open[:len(w.open)-1]
		if t.text == "}" {
			w.out.WriteString("} ") // two of them would end the tag
			return nil
		}
	case "~", "+":
		if w.joins++; w.joins > maxJoins {
			return fmt.Errorf("an expression has more than %d operators ~ and +", maxJoins)
		}
	case "**":
		return fmt.Errorf("the operator ** is not supported")
	case "*":
		return w.times(tokens, i)
	}
	w.out.WriteString(t.text)
	return nil
}

// times writes the operator *, which repeats strings, with a guard on the
// number, which must be a single name or literal.
func (w *expressionWriter) times(tokens []exprToken, i int) error {
	w.out.WriteString("*")
	w.factor = true
	if i+1 < len(tokens) && tokens[i+1].kind == 'd' {
		if len(tokens[i+1].text) <= 3 {
			return nil
		}
		return fmt.Errorf("a factor is above 999")
	}
	simple := i+1 < len(tokens) && tokens[i+1].kind == 'n'
	if simple && i+2 < len(tokens) {
		simple = tokens[i+2].kind != 'p' || !strings.Contains("([.|", tokens[i+2].text)
	}
	if !simple {
		return fmt.Errorf("the right side of * is neither a name nor a number")
	}
	return nil
}

var closers = map[string]string{"(": ")", "[": "]", "{": "}"}

// hasColon reports whether the brackets that were just opened hold a colon, and
// so are a slice.
func hasColon(tokens []exprToken) bool {
	depth := 0
	for _, t := range tokens {
		if t.kind != 'p' {
			continue
		}
		switch t.text {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			if depth--; depth < 0 {
				return false
			}
		case ":":
			if depth == 0 {
				return true
			}
		}
	}
	return false
}

// An exprToken is a token of Jinja's expressions.
type exprToken struct {
	kind  byte // 'n' a name, 'd' a number, 's' a string, 'p' punctuation
	text  string
	start int
}

// exprTokens cuts an expression into tokens as the library does, but refuses
// what that would skip.
func exprTokens(s string) ([]exprToken, error) {
	var tokens []exprToken
	for i := 0; i < len(s); {
		kind, n := byte('p'), 1
		switch c := s[i]; {
		case c == ' ' || c == '\t' || c == '\n':
			i++
			continue
		case c == '\'' || c == '"':
			kind, n = 's', quotedLength(s[i:])
			if n < 0 {
				return nil, fmt.Errorf("a string has no end")
			}
		case '0' <= c && c <= '9':
			kind = 'd'
			for i+n < len(s) && ('0' <= s[i+n] && s[i+n] <= '9' ||
				s[i+n] == '.' && i+n+1 < len(s) && '0' <= s[i+n+1] && s[i+n+1] <= '9') {
				n++
			}
			if n > 9 {
				return nil, fmt.Errorf("the number %s has more than 9 digits", abbreviate(s[i:i+n]))
			}
		case nameLength(s[i:]) > 0:
			kind, n = 'n', nameLength(s[i:])
			if strings.HasPrefix(s[i:], reserved) {
				return nil, fmt.Errorf("the name %s is reserved", abbreviate(s[i:i+n]))
			}
		case i+1 < len(s) && strings.Contains("** // == != <= >=", s[i:i+2]) && c != ' ' && s[i+1] != ' ':
			n = 2
		case !strings.ContainsRune(",.:()[]{}|~+-*/%<>=", rune(c)):
			return nil, fmt.Errorf("%q is not supported in an expression", c)
		}
		tokens = append(tokens, exprToken{kind, s[i : i+n], i})
		i += n
	}
	return tokens, nil
}

// nameLength returns the length of the name that s starts with; 0 if none.
func nameLength(s string) int {
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '_', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		case '0' <= c && c <= '9' && i > 0:
		default:
			return i
		}
	}
	return len(s)
}

func isName(s string) bool {
	return s != "" && nameLength(s) == len(s) && !strings.HasPrefix(s, reserved)
}
