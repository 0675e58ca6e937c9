package symbols

import (
	"debug/elf"

	"pyfreeze/procmem"
)

// place finds where f is loaded: each mapping of its first page proposes a
// bias, and every code segment must then be mapped where that bias puts it.
// (A program may also map an ELF file to read it.)
func place(f *File, own, all []procmem.Mapping) []Module {
	var loads []*elf.Prog
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Memsz > 0 {
			loads = append(loads, p)
		}
	}
	if len(loads) == 0 {
		return nil
	}
	low, high := loads[0].Vaddr, uint64(0)
	for _, p := range loads {
		if p.Memsz > maxModule || p.Vaddr > 1<<47 {
			return nil
		}
		low, high = min(low, p.Vaddr), max(high, p.Vaddr+p.Memsz)
	}
	if high-low > maxModule {
		return nil
	}
	var out []Module
	for _, m := range own {
		if m.Offset != pageDown(loads[0].Off) {
			continue
		}
		if n := len(out); n > 0 && out[n-1].Range.Contains(m.Start) {
			continue
		}
		bias := m.Start - procmem.Addr(pageDown(loads[0].Vaddr))
		if f.Type == elf.ET_EXEC && bias != 0 || !codeMapped(loads, own, bias) {
			continue
		}
		r := procmem.Range{
			Start: bias + procmem.Addr(pageDown(low)),
			End:   bias + procmem.Addr(pageDown(high+pageSize-1)),
		}
		out = append(out, Module{Path: f.Path, File: f, Bias: bias, Range: r, Maps: mapsOf(own[0], all, r)})
	}
	// A file is loaded twice only by dlmopen; each gets its own File, so that
	// closing one does not close the other.
	for i := 1; i < len(out); i++ {
		g, err := Open(f.Path)
		if err != nil {
			return out[:i]
		}
		out[i].File = g
	}
	return out
}

// codeMapped says whether the code segments are mapped where that bias puts
// them; without inodes, which means without protections (see loadedCode), all
// segments must be.
func codeMapped(loads []*elf.Prog, own []procmem.Mapping, bias procmem.Addr) bool {
	code := false
	for _, p := range loads {
		blind := own[0].Inode == 0
		isCode := p.Flags&elf.PF_X != 0
		if p.Filesz == 0 || !isCode && !blind {
			continue
		}
		at := bias + procmem.Addr(pageDown(p.Vaddr))
		found := false
		for _, m := range own {
			if m.Contains(at) && (m.Exec || blind) && m.Offset+uint64(at-m.Start) == pageDown(p.Off) {
				found = true
				break
			}
		}
		if !found {
			return false
		}
		code = code || isCode
	}
	return code
}

// mapsOf returns the mappings in r of the file, and the anonymous ones there:
// its .bss, which may have grown together with the heap.
func mapsOf(own procmem.Mapping, all []procmem.Mapping, r procmem.Range) []procmem.Mapping {
	var out []procmem.Mapping
	for _, m := range all {
		if m.Overlaps(r) && (m.Path == own.Path && m.Inode == own.Inode || m.Path == "" || m.Path == "[heap]") {
			out = append(out, m)
		}
	}
	return out
}

func pageDown(a uint64) uint64 { return a &^ (pageSize - 1) }
