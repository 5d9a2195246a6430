package tokenizer

import (
	"fmt"
	"time"

	"github.com/ardanlabs/jinja"
)

// The bounds on one rendering. Those on size leave room for a conversation's
// own, several times over.
const (
	maxRenderTime  = 2 * time.Second // looked at in every round of a loop
	maxRenderSteps = 1 << 20         // rounds of loops and calls of macros, in all
	maxMacroDepth  = 100             // macros within macros
	maxRange       = 10_000          // numbers in a range
	maxSmall       = 1024            // an argument's value, or its bytes
	maxIndex       = 1 << 24         // in a slice
	maxValueDepth  = 64              // lists and dicts within each other
	extraValue     = 1 << 20         // bytes of a variable, besides the conversation's
	extraOutput    = 16 << 20        // bytes printed, besides the conversation's
)

// limits is what one rendering may still use.
type limits struct {
	texts    []string
	deadline time.Time
	steps    int
	depth    int
	output   int // bytes left
	value    int // bytes that one variable may have
	// failed is the first refusal. The library drops errors in some places,
	// such as the bounds of a slice.
	failed error
}

func newLimits(texts []string, size int) *limits {
	return &limits{
		texts:    texts,
		deadline: time.Now().Add(maxRenderTime),
		steps:    maxRenderSteps,
		output:   extraOutput + 8*size,
		value:    extraValue + 4*size,
	}
}

// define adds the functions that a guarded template calls to its data.
func (l *limits) define(data map[string]jinja.Value) {
	for name, f := range map[string]func(jinja.Value) (jinja.Value, error){
		guardText:  l.text,
		guardPrint: l.print,
		guardValue: func(v jinja.Value) (jinja.Value, error) { return v, l.check(v) },
		guardCopy:  l.copy,
		guardSmall: func(v jinja.Value) (jinja.Value, error) { return v, small(v, maxSmall) },
		guardIndex: func(v jinja.Value) (jinja.Value, error) { return v, small(v, maxIndex) },
	} {
		data[name] = jinja.NewCallable(name, func(args []jinja.Value, kwargs map[string]jinja.Value) (jinja.Value, error) {
			if len(args) != 1 || len(kwargs) > 0 {
				return jinja.Undefined(), fmt.Errorf("an expression has several values")
			}
			v, err := f(args[0])
			return v, l.note(err)
		})
	}
	for name, f := range map[string]func() error{
		guardStep:  l.step,
		guardEnter: l.enter,
		guardLeave: func() error { l.depth--; return nil },
	} {
		data[name] = jinja.NewCallable(name, func([]jinja.Value, map[string]jinja.Value) (jinja.Value, error) {
			return jinja.Undefined(), l.note(f())
		})
	}
	data["range"] = jinja.NewCallable("range", func(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
		v, err := numberRange(args)
		return v, l.note(err)
	})
}

func (l *limits) note(err error) error {
	if l.failed == nil {
		l.failed = err
	}
	return err
}

func (l *limits) step() error {
	if l.steps--; l.steps < 0 {
		return fmt.Errorf("it takes more than %d steps", maxRenderSteps)
	}
	if time.Now().After(l.deadline) {
		return fmt.Errorf("it takes longer than %v", maxRenderTime)
	}
	return nil
}

func (l *limits) enter() error {
	if l.depth++; l.depth > maxMacroDepth {
		return fmt.Errorf("its macros call each other more than %d deep", maxMacroDepth)
	}
	return l.step()
}

func (l *limits) text(number jinja.Value) (jinja.Value, error) {
	text := l.texts[number.AsInt()]
	return jinja.NewString(text), l.spend(len(text))
}

func (l *limits) spend(bytes int) error {
	if l.output -= bytes; l.output < 0 {
		return fmt.Errorf("it prints too much, more than %d bytes besides the conversation", extraOutput)
	}
	return nil
}

// print returns what is printed for v. None is printed by its name, as in
// Python.
func (l *limits) print(v jinja.Value) (jinja.Value, error) {
	if v.IsNone() {
		v = jinja.NewString("None")
	}
	if err := l.check(v); err != nil {
		return jinja.Undefined(), err
	}
	if v.IsString() {
		return v, l.spend(len(v.AsString()))
	}
	return v, l.spend(len(v.String()))
}

// check refuses values that are too large or too deep; those within themselves
// are.
func (l *limits) check(v jinja.Value) error {
	left := l.value
	return measure(v, 0, &left)
}

// measure takes v's size off what is left.
func measure(v jinja.Value, depth int, left *int) error {
	const perValue = 16
	*left -= perValue
	switch {
	case v.IsString():
		*left -= len(v.AsString())
	case v.IsInt() && (v.AsInt() > 1<<53 || v.AsInt() < -1<<53):
		return fmt.Errorf("a number is beyond 2^53")
	case v.IsList(), v.IsDict():
		if depth == maxValueDepth {
			return fmt.Errorf("a value is more than %d lists and dicts deep", maxValueDepth)
		}
	}
	if v.IsList() {
		for _, item := range v.AsList().Items {
			if err := measure(item, depth+1, left); err != nil {
				return err
			}
		}
	}
	if v.IsDict() {
		for key, item := range v.AsDict().Data {
			*left -= len(key)
			if err := measure(item, depth+1, left); err != nil {
				return err
			}
		}
	}
	if *left < 0 {
		return fmt.Errorf("a value has more than %d bytes besides the conversation's", extraValue)
	}
	return nil
}

// copy returns a value that shares no list or dict with v, so that putting it
// into one cannot make a circle.
func (l *limits) copy(v jinja.Value) (jinja.Value, error) {
	if err := l.check(v); err != nil {
		return jinja.Undefined(), err
	}
	return deepCopy(v), nil
}

func deepCopy(v jinja.Value) jinja.Value {
	switch {
	case v.IsList():
		items := make([]jinja.Value, 0, v.AsList().Len())
		for _, item := range v.AsList().Items {
			items = append(items, deepCopy(item))
		}
		return jinja.NewList(items)
	case v.IsDict():
		d := jinja.NewDict()
		for _, key := range v.AsDict().Keys {
			item, _ := v.AsDict().Get(key)
			d.AsDict().Set(key, deepCopy(item))
		}
		return d
	}
	return v
}

// small refuses numbers beyond limit and strings longer than that.
func small(v jinja.Value, limit int) error {
	switch {
	case v.IsInt() && (v.AsInt() > int64(limit) || v.AsInt() < -int64(limit)):
		return fmt.Errorf("an argument is %d, beyond %d", v.AsInt(), limit)
	case v.IsFloat() && !(v.AsFloat() <= float64(limit) && v.AsFloat() >= -float64(limit)):
		return fmt.Errorf("an argument is %v, beyond %d", v.AsFloat(), limit)
	case v.IsString() && len(v.AsString()) > limit:
		return fmt.Errorf("an argument has %d bytes, more than %d", len(v.AsString()), limit)
	}
	return nil
}

// numberRange is Jinja's range, bounded.
func numberRange(args []jinja.Value) (jinja.Value, error) {
	start, step := int64(0), int64(1)
	for _, a := range args {
		if !a.IsInt() || a.AsInt() > 1<<53 || a.AsInt() < -1<<53 {
			return jinja.Undefined(), fmt.Errorf("range: %v is not a number within 2^53", abbreviate(a.String()))
		}
	}
	var stop int64
	switch len(args) {
	case 1:
		stop = args[0].AsInt()
	case 2, 3:
		start, stop = args[0].AsInt(), args[1].AsInt()
		if len(args) == 3 {
			step = args[2].AsInt()
		}
	default:
		return jinja.Undefined(), fmt.Errorf("range: %d arguments, not 1 to 3", len(args))
	}
	if step == 0 {
		return jinja.Undefined(), fmt.Errorf("range: the step is 0")
	}
	var items []jinja.Value
	for i := start; step > 0 && i < stop || step < 0 && i > stop; i += step {
		if len(items) == maxRange {
			return jinja.Undefined(), fmt.Errorf("range: more than %d numbers", maxRange)
		}
		items = append(items, jinja.NewInt(i))
	}
	return jinja.NewList(items), nil
}
