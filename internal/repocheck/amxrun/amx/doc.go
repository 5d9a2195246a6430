// Package amx is the part of a processor that executes Intel AMX, in software:
// the tiles of one thread and those of their instructions that this
// repository's kernels use, which are LDTILECFG, TILERELEASE, TILEZERO,
// TILELOADD, TILESTORED and TDPBF16PS. It knows registers and memory only
// through what it is given; command amxrun gives it those of another process.
//
// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2,
// the pages of these instructions, and volume 1, chapter "Programming with Intel
// Advanced Matrix Extensions".
package amx
