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
	fmt.Fprintln(std.out, "tinsmith", version())
	fmt.Fprintln(std.out, "go      ", runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH)
	level, err := cpu.Chosen()
	if err != nil {
		return err
	}
	fmt.Fprintf(std.out, "kernels  %v (%s chooses others)\n", level, cpu.Variable)
	return nil
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
