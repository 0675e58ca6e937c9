// Package procmem reads address spaces of other processes.
//
// One [Reader] stands for any source of target memory: [Live] reads a running
// process, [Space] is an immutable copy, taken from a live process by [Capture]
// or from an ELF core file (also a pyfreeze image) by [LoadCore]. What works on
// a Space therefore works the same on a process, a core file and an image.
//
// Nothing that is read from a target is trusted: every length and address is
// checked, and a bad one gives a [*ReadError] that carries the address.
package procmem
