package procmem

import "debug/elf"

// Sizes of the 64-bit ELF structures, and the types of program header that a
// core file is made of. debug/elf is not used to parse: it reads a header count
// above 65,534 (PN_XNUM) wrongly, and cores of big processes have one.
const (
	ehdrSize = 64
	phdrSize = 56
	shdrSize = 64
	pnXnum   = 0xffff

	ptLoad = uint32(elf.PT_LOAD)
	ptNote = uint32(elf.PT_NOTE)
)

// prog is a program header.
type prog struct {
	typ, flags            uint32
	off, addr, fsize, mem uint64
	hdr                   uint64 // where in the file the header stands
}

// progs checks the ELF header and reads the program headers.
func (l *coreLoader) progs() ([]prog, error) {
	h, err := l.slice(0, ehdrSize, "the ELF header")
	if err != nil {
		return nil, err
	}
	switch {
	case string(h[:4]) != elf.ELFMAG:
		return nil, l.fail(0, "not an ELF file")
	case h[elf.EI_CLASS] != byte(elf.ELFCLASS64) || h[elf.EI_DATA] != byte(elf.ELFDATA2LSB):
		return nil, l.fail(elf.EI_CLASS, "not a 64-bit little-endian ELF file")
	case elf.Type(order.Uint16(h[16:])) != elf.ET_CORE:
		return nil, l.fail(16, "not a core file but %v", elf.Type(order.Uint16(h[16:])))
	case elf.Machine(order.Uint16(h[18:])) != coreMachine:
		return nil, l.fail(18, "a core file of another machine: %v", elf.Machine(order.Uint16(h[18:])))
	case order.Uint16(h[54:]) != phdrSize:
		return nil, l.fail(54, "program headers of %d bytes", order.Uint16(h[54:]))
	}
	phoff, n := order.Uint64(h[32:]), uint64(order.Uint16(h[56:]))
	if n == pnXnum {
		// The real number is in the first section header's sh_info.
		sh, err := l.slice(order.Uint64(h[40:]), shdrSize, "the section header that counts the program headers")
		if err != nil {
			return nil, err
		}
		n = uint64(order.Uint32(sh[44:]))
	}
	table, err := l.slice(phoff, n*phdrSize, "the program header table")
	if err != nil {
		return nil, err
	}
	progs := make([]prog, n)
	for i := range progs {
		p := table[i*phdrSize:]
		progs[i] = prog{
			typ: order.Uint32(p), flags: order.Uint32(p[4:]), off: order.Uint64(p[8:]), addr: order.Uint64(p[16:]),
			fsize: order.Uint64(p[32:]), mem: order.Uint64(p[40:]), hdr: phoff + uint64(i)*phdrSize,
		}
	}
	return progs, nil
}
