package main

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// habits turns ways of writing that people bring from other commands into those
// of the grammar: --version, help [COMMAND], and --flag -1 for --flag=-1, where
// numbers says which flags take a number.
func habits(args []string, numbers func(flag string) bool) []string {
	if len(args) > 0 && args[0] == "help" {
		return append(slices.Clone(args[1:]), "--help")
	}
	if len(args) == 1 && args[0] == "--version" {
		return []string{"version"}
	}
	var out []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" { // what follows are no flags
			return append(out, args[i:]...)
		}
		if numbers(arg) && i+1 < len(args) && isNegative(args[i+1]) {
			i++
			if strings.HasPrefix(arg, "--") {
				arg += "="
			}
			arg += args[i]
		}
		out = append(out, arg)
	}
	return out
}

// unquoted adds to a complaint about an argument too many what mostly is behind
// it where a command takes a text. Of the parser's errors the text alone tells.
func unquoted(command string, err error) error {
	if (command == "sample" || command == "logprobs") && strings.HasPrefix(err.Error(), "unexpected argument ") {
		return fmt.Errorf("%w. A text of several words needs quotes", err)
	}
	return err
}

// isNegative says whether arg looks like a number with a minus sign.
func isNegative(arg string) bool {
	return len(arg) > 1 && arg[0] == '-' && (arg[1] == '.' || '0' <= arg[1] && arg[1] <= '9') || strings.EqualFold(arg, "-inf")
}

// numberFlags returns a function that says whether an argument is a flag, of any
// command, that takes a number.
func numberFlags(parser *kong.Kong) func(flag string) bool {
	known := map[string]bool{}
	for _, command := range parser.Model.Children {
		for _, flag := range command.Flags {
			kind := flag.Target.Type()
			if kind.Kind() == reflect.Pointer {
				kind = kind.Elem()
			}
			if kind.Kind() != reflect.Int && kind.Kind() != reflect.Int64 && kind.Kind() != reflect.Float64 {
				continue
			}
			known["--"+flag.Name] = true
			if flag.Short != 0 {
				known["-"+string(flag.Short)] = true
			}
		}
	}
	return func(flag string) bool { return known[flag] }
}
