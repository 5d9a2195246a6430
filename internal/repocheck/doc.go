// Package repocheck holds tests about the repository as a whole: which folder
// imports which, and that the programs in the README are programs that build.
// Command nofma below it looks for fused multiply-adds in compiled code; command
// amxrun lets programs with AMX instructions run where there is no AMX.
// Nothing imports this package.
package repocheck
