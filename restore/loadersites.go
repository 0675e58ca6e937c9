package restore

import (
	"bytes"
	"debug/elf"
	"fmt"

	"golang.org/x/arch/x86/x86asm"

	"pyfreeze/symbols"
)

// mmapSites finds where ld.so maps memory: `mov $9,%eax; syscall` in its
// text. The stub puts a jump in each place while it needs to choose where
// libraries go.
func mmapSites(ld *symbols.File) ([]uint32, error) {
	text := ld.Section(".text")
	if text == nil {
		return nil, fmt.Errorf("%s has no .text section", ld.Path)
	}
	b, err := ld.SectionData(text)
	if err != nil {
		return nil, err
	}
	pattern := []byte{0xb8, 9, 0, 0, 0, 0x0f, 0x05}
	var out []uint32
	for at := 0; ; {
		i := bytes.Index(b[at:], pattern)
		if i < 0 {
			break
		}
		at += i
		// What follows must be code again: the result is checked for an error.
		if inst, err := x86asm.Decode(b[at+len(pattern):], 64); err == nil && (inst.Op == x86asm.CMP || inst.Op == x86asm.MOV || inst.Op == x86asm.LEA) {
			out = append(out, uint32(text.Addr)+uint32(at))
		}
		at += len(pattern)
	}
	if len(out) == 0 || len(out) > maxSites {
		return nil, fmt.Errorf("%s: %d places that map memory, 1 to %d are supported", ld.Path, len(out), maxSites)
	}
	return out, nil
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
