package main

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"tinsmith.example/internal/cpu"
	"tinsmith.example/internal/engine/kernel"
)

type versionCommand struct{}

// Run prints what a report of a fault should begin with.
func (*versionCommand) Run(std *stdio) error {
	_, unknown := cpu.Chosen()
	level, fault := kernel.Chosen() // after checking each against its twin
	_, err := fmt.Fprintf(std.out, "tinsmith %s\ngo       %s %s/%s\nkernels  %v of %v (%s chooses others)\n",
		version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, level, cpu.Levels(), cpu.Variable)
	return errors.Join(unknown, fault, err)
}

// version is the module's version, or the revision it was built from where the
// Go command recorded one.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
