package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"tinsmith.example/internal/cpu"
)

type versionCommand struct{}

// Run prints what a report of a fault should begin with.
func (*versionCommand) Run(std *stdio) error {
	level, err := cpu.Chosen()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.out, "tinsmith %s\ngo       %s %s/%s\nkernels  %v (%s chooses others)\n",
		version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, level, cpu.Variable)
	return err
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
