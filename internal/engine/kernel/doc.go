// Package kernel is the engine's arithmetic on plain slices: the linear layer,
// normalisation, rotary embedding, attention, exponentials, sums and selection.
//
// docs/arithmetic.md defines every operation to the bit. Each has a portable
// twin here, in plain Go, which is that definition in code; an assembly kernel
// is a faster way to the same bits, never a variant. Which one runs is decided
// once, by package cpu.
//
// It knows no model, no batch and no thread: callers split rows, outputs and
// heads among threads as they like, and never k, so that no result depends on
// how they did.
//
// Rule for this package's code: the compiler may fuse a*b+c into one rounding
// on some machines, so that every product that feeds a sum is written
// float32(a*b).
package kernel
