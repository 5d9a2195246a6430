package main

import (
	"errors"
	"fmt"

	"tinsmith.example/internal/catalog"
	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/engine/kernel"
	"tinsmith.example/internal/weights/gguf"
)

// A loadError says that a model's file is here, but no model came of it.
type loadError struct {
	asked string // as the user called the model
	file  catalog.Resolved
	err   error
}

func (e *loadError) Error() string { return e.err.Error() }
func (e *loadError) Unwrap() error { return e.err }

// damaged says whether the file may be better when it is fetched again.
func (e *loadError) damaged() bool {
	return e.file.Source != catalog.SourceFile &&
		(is[*gguf.FormatError](e.err) || is[*gguf.KeyError](e.err) || is[*gguf.UnknownTypeError](e.err))
}

func (e *loadError) advice() string {
	if small, ok := errors.AsType[*engine.ArgumentError](e.err); ok && small.Field == "KV cache" {
		return "Give the KV cache more with --memory."
	}
	if _, ok := errors.AsType[*kernel.WeightError](e.err); ok && e.file.Source != catalog.SourceFile {
		return fmt.Sprintf("The file may be damaged: run: tinsmith pull %s", e.asked)
	}
	if !e.damaged() {
		return ""
	}
	return fmt.Sprintf("The file may be damaged: delete %s and run: tinsmith pull %s", e.file.Path, e.asked)
}
