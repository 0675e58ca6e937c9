// Package image reads and writes pyfreeze images.
//
// An image is an ELF core file: PT_LOAD segments that hold the frozen memory,
// the standard core notes (so that gdb, readelf and every core reader open it)
// and notes with the owner "pyfreeze" (what a thaw needs). docs/image-format.md
// describes every byte.
//
// Reading never trusts. Open checks the one block that a thaw needs (the
// "head": headers, thaw program, guards) and nothing else, since it
// is on the path of every thaw; Verify checks the rest.
package image
