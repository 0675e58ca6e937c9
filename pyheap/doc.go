// Package pyheap reads the objects of a CPython process from outside: the state of the
// interpreter, its threads and frames, single objects and their attributes, and, by one typed
// walk, every object with its size and the path that keeps it alive.
//
// It reads a [procmem.Space] (a captured live process, a core file or an image: the same for all
// three) with struct layouts taken from the interpreter's DWARF. It runs no code in the target and
// trusts nothing it reads: a length, count or pointer is bounded before it is used, cycles end, and
// memory that makes no sense gives a typed error that carries the address.
//
// Words used here are CPython's: tstate, arena, pool, block, inline values, managed dict, GC head.
package pyheap
