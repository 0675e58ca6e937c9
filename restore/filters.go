package restore

import "debug/elf"

// filtered are the functions that must not see blocks of the frozen heap.
var filtered = []string{"free", "realloc", "malloc_usable_size"}

// filters points the slots of free and its kin at the stub, in every module that
// calls them, and where their addresses were kept in data; and those through which the interpreter loads extension modules.
func (c *compiler) filters(p *program) error {
	slots := make([][]slot, len(filtered))
	for _, m := range c.mods {
		if m.system || m.direct { // the slots of the latter are words of frozen memory like others
			continue
		}
		for i, s := range slotsOf(m, filtered) {
			slots[i] = append(slots[i], s...)
		}
	}
	for i, words := range c.relocs.filters {
		for _, w := range words {
			slots[i] = append(slots[i], slot{at: w})
		}
	}
	loader, err := c.loaderSlots(p)
	if err != nil {
		return err
	}
	slots = append(slots, loader...)

	const sysMprotect = 10
	protect := func(prot uint64) {
		done := map[[2]uint64]bool{{}: true}
		for _, list := range slots {
			for _, s := range list {
				if !done[s.relro] {
					done[s.relro] = true
					p.emitTo(0, opSyscall, imm(sysMprotect), imm(s.relro[0]), imm(s.relro[1]), imm(prot))
					p.emit(opFailNZ, reg(0))
				}
			}
		}
	}
	protect(protRead | protWrite)
	for i, list := range slots {
		words := make([]uint64, len(list))
		for k, s := range list {
			words[k] = s.at
		}
		p.emit(opFilter, p.words(words), imm(uint64(len(words))), imm(uint64(i)))
	}
	protect(protRead)
	for _, s := range c.frz.segs {
		if s.readOnly {
			p.emitTo(0, opSyscall, imm(sysMprotect), imm(uint64(s.Start)), imm(s.Len()), imm(protRead))
		}
	}
	return nil
}

// slot is a word through which a module calls a function of another.
type slot struct {
	at    uint64
	relro [2]uint64 // address and length of the pages that ld.so made read-only, if it lies in them
}

// slotsOf gives a module's slots of the named functions.
func slotsOf(m *module, names []string) [][]slot {
	out := make([][]slot, len(names))
	lo, hi := relroOf(m)
	for _, r := range m.relocs {
		if r.Type != elf.R_X86_64_JMP_SLOT && r.Type != elf.R_X86_64_GLOB_DAT || !r.Undef {
			continue
		}
		for i, name := range names {
			if r.Sym != name {
				continue
			}
			s := slot{at: uint64(m.Bias + r.Off)}
			if s.at >= lo && s.at < hi {
				s.relro = [2]uint64{lo, hi - lo}
			}
			out[i] = append(out[i], s)
		}
	}
	return out
}

// relroOf gives the pages of a module that ld.so makes read-only.
func relroOf(m *module) (lo, hi uint64) {
	for _, s := range m.File.Progs {
		if s.Type == elf.PT_GNU_RELRO {
			return pageDown(uint64(m.Bias) + s.Vaddr), pageDown(uint64(m.Bias) + s.Vaddr + s.Memsz)
		}
	}
	return 0, 0
}
