package restore

import (
	"bytes"
	"debug/elf"
	"fmt"

	"golang.org/x/arch/x86/x86asm"

	"pyfreeze/symbols"
)

// System calls of ld.so that the stub stands in for.
const (
	sysMmap   = 9
	sysMunmap = 11
)

// mmapSites finds where ld.so maps memory, `mov $9,%eax; syscall` in its text, then where it unmaps, `mov $11,%eax; syscall`. The stub
// puts a jump in each place while it needs to choose where libraries go. Without the latter, which only libraries of more
// than a page's alignment need, these are not put at their addresses, and the plain command runs.
func mmapSites(ld *symbols.File) ([]uint32, error) {
	text := ld.Section(".text")
	if text == nil {
		return nil, fmt.Errorf("%s has no .text section", ld.Path)
	}
	b, err := ld.SectionData(text)
	if err != nil {
		return nil, err
	}
	out := syscallSites(b, uint32(text.Addr), sysMmap)
	if len(out) == 0 || len(out) > maxSites {
		return nil, fmt.Errorf("%s: %d places that map memory, 1 to %d are supported", ld.Path, len(out), maxSites)
	}
	if unmap := syscallSites(b, uint32(text.Addr), sysMunmap); len(unmap) > 0 && len(out)+len(unmap) <= maxSites {
		out = append(out, unmap...)
	}
	return out, nil
}

// syscallSites finds the places in code at addr that make a system call by its number.
func syscallSites(b []byte, addr uint32, number byte) (out []uint32) {
	pattern := []byte{0xb8, number, 0, 0, 0, 0x0f, 0x05}
	for at := 0; ; {
		i := bytes.Index(b[at:], pattern)
		if i < 0 {
			return out
		}
		at += i
		// What follows must be code again: the result is checked for an error.
		if inst, err := x86asm.Decode(b[at+len(pattern):], 64); err == nil && (inst.Op == x86asm.CMP || inst.Op == x86asm.MOV || inst.Op == x86asm.LEA) {
			out = append(out, addr+uint32(at))
		}
		at += len(pattern)
	}
}

// entryOf gives a file's entry point relative to where it is loaded.
func entryOf(f *symbols.File) uint64 {
	lo := ^uint64(0)
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD {
			lo = min(lo, pageDown(p.Vaddr))
		}
	}
	return uint64(f.Entry) - lo
}
