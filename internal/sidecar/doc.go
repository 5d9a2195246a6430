// Package sidecar runs a part of a program in a second process of the same
// program, so that neither a busy scheduler nor a busy garbage collector delays
// it. It knows nothing of what runs there: package tinker, above it, passes a
// [Handler] in and has calls made to it.
//
// The child is the program's own executable, started again. Package tinker's init
// calls [Main], which returns at once in any process but such a child; in a child
// it never returns, so that main, TestMain and flags are not reached. A child is
// one only if three things agree: the marker in its environment, a socket as
// descriptor 3, and a first frame on it that repeats the marker's nonce.
//
// All that passes between the two is frames on that socket. Standard output is
// not used, since other packages' init functions may write to it.
package sidecar
