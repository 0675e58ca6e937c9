// Package symbols knows what files say about a target: ELF headers, symbols and
// relocations, where their debug information is, the layout of every C struct
// in it, which mapped file is the interpreter and which Python version it is.
//
// Nothing here knows a CPython offset. They come from the DWARF of the very
// build that runs, and are cached under its build-id (see Layout).
//
// All files and all target memory are untrusted: sizes are bounded, and a
// broken file gives a typed error, never a panic.
package symbols
