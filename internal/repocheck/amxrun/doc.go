// Command amxrun runs a program on a Linux machine of amd64 without AMX and
// executes in software the AMX instructions that it comes upon.
//
//	go build -o bin/amxrun ./internal/repocheck/amxrun
//	go test -exec bin/amxrun -ldflags "-X tinsmith.example/internal/cpu.emulated=amx" ./internal/engine/kernel
//
// It traces the program, all its threads and children. A processor without AMX
// raises SIGILL at each such instruction; amxrun sees it before the program does,
// carries out that instruction and those that follow it without a gap, and lets
// the program go on behind them. Nothing else is changed: every other signal and
// every other illegal instruction reaches the program, and its exit status is
// amxrun's, 128 + n if signal n ended it. What it leaves running when it ends is
// killed. CPUID cannot be changed in this way, nor is arch_prctl, so the program
// has to be told that there is AMX. Where there is, amxrun refuses to run.
//
// Package amx below it has the instructions. A stop costs some 30 µs on a virtual
// machine, TDPBF16PS 17 µs, the others 1 to 3 µs: instructions without a gap between
// them are cheap.
package main
