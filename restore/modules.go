package restore

import (
	"debug/elf"
	"fmt"
	"path/filepath"
	"strings"

	"pyfreeze/procmem"
	"pyfreeze/symbols"
)

// systemLibs are the C library's family by soname prefix: their state belongs
// to the kernel's and ld.so's side of a process and stays fresh.
var systemLibs = []string{
	"ld-linux-x86-64.so", "libc.so", "libm.so", "libpthread.so", "libdl.so", "librt.so",
	"libutil.so", "libanl.so", "libresolv.so", "libnss_", "libmvec.so", "libBrokenLocale.so",
}

func isSystemLib(soname string) bool {
	for _, p := range systemLibs {
		if strings.HasPrefix(soname, p) {
			return true
		}
	}
	return false
}

// module is an ELF file of the target and what a thaw does with it.
type module struct {
	symbols.Module
	soname string
	span   procmem.Range // of all its segments, whole pages
	system bool
	main   bool // the executable
	moves  bool // a position-independent executable that holds nothing of Python's: it stays where the kernel puts it
	direct bool // mapped by the thaw itself, see chooseDirect
	// atStart: ld.so loads it before the program, see startedWith.
	atStart bool
	saved   []procmem.Range
	relocs  []symbols.Reloc
}

// loadModules finds out everything about the target's ELF files.
func loadModules(maps []procmem.Mapping, mem *procmem.Space, in *symbols.Interpreter) ([]*module, error) {
	mods, err := symbols.ModulesIn(maps, mem)
	if err != nil {
		return nil, err
	}
	var out []*module
	for _, m := range mods {
		if m.File == nil {
			continue
		}
		mod := &module{Module: m, main: m.File.Path == in.Exe, soname: m.File.Soname()}
		if mod.soname == "" {
			mod.soname = filepath.Base(m.Path)
		}
		mod.moves = mod.main && m.File.Type == elf.ET_DYN && !in.Static
		mod.system = mod.moves || !mod.main && isSystemLib(mod.soname)
		if mod.span, err = spanOf(m); err != nil {
			return nil, err
		}
		if mod.moves {
			if err := noCopies(m); err != nil {
				return nil, err
			}
		}
		if !mod.system {
			mod.saved = savedRanges(m)
			if mod.relocs, err = m.File.Relocations(); err != nil {
				return nil, err
			}
		}
		out = append(out, mod)
	}
	if err := startedWith(out, mem); err != nil {
		return nil, err
	}
	chooseDirect(out, mem)
	return out, nil
}

// noCopies refuses an executable that moves and has data of its libraries: they would have to be taken from there.
func noCopies(m symbols.Module) error {
	relocs, err := m.File.Relocations()
	for _, r := range relocs {
		if r.Type == elf.R_X86_64_COPY {
			return &UnsupportedError{m.Path, "a position-independent executable with copies of its libraries' data (" + r.Sym + ")"}
		}
	}
	return err
}

// spanOf is the range that a module's PT_LOAD segments cover.
func spanOf(m symbols.Module) (procmem.Range, error) {
	var lo, hi uint64 = ^uint64(0), 0
	for _, p := range m.File.Progs {
		if p.Type == elf.PT_LOAD {
			lo, hi = min(lo, p.Vaddr), max(hi, p.Vaddr+p.Memsz)
		}
	}
	if lo >= hi {
		return procmem.Range{}, fmt.Errorf("%s: no loadable segment", m.Path)
	}
	return procmem.Range{Start: m.Bias + procmem.Addr(pageDown(lo)), End: m.Bias + procmem.Addr(pageUp(hi))}, nil
}

// pieces are the parts of a position-independent executable that a thaw takes to where it was frozen: what the kernel maps of each segment of
// the file, and the zeroes behind, a mapping of their own.
func pieces(mods []*module) (out []piece) {
	for _, m := range mods {
		if !m.main || m.moves || m.File.Type != elf.ET_DYN {
			continue
		}
		base := uint64(m.span.Start - m.Bias)
		for _, p := range m.File.Progs {
			lo, file, end := pageDown(p.Vaddr), pageUp(p.Vaddr+p.Filesz), pageUp(p.Vaddr+p.Memsz)
			if p.Type != elf.PT_LOAD {
				continue
			}
			if p.Filesz == 0 {
				file = lo
			}
			for _, part := range []piece{{lo - base, file - lo}, {file - base, end - file}} {
				if part.Len > 0 {
					out = append(out, part)
				}
			}
		}
	}
	return out
}

// savedRanges are the writable sections whose contents belong to the
// program. What ld.so fills in (RELRO, the jump slots of .got.plt) holds addresses of
// libraries that move, and stays as the fresh process has it.
func savedRanges(m symbols.Module) []procmem.Range {
	var relroLo, relroHi uint64
	for _, p := range m.File.Progs {
		if p.Type == elf.PT_GNU_RELRO {
			relroLo, relroHi = p.Vaddr, p.Vaddr+p.Memsz
		}
	}
	var out []procmem.Range
	for _, s := range m.File.Sections {
		if s.Flags&elf.SHF_ALLOC == 0 || s.Flags&elf.SHF_WRITE == 0 || s.Flags&elf.SHF_TLS != 0 || s.Size == 0 {
			continue
		}
		if s.Addr >= relroLo && s.Addr < relroHi || strings.HasPrefix(s.Name, ".got") {
			continue
		}
		switch s.Type {
		case elf.SHT_DYNAMIC, elf.SHT_INIT_ARRAY, elf.SHT_FINI_ARRAY, elf.SHT_PREINIT_ARRAY:
			continue
		}
		r := procmem.Range{Start: m.Bias + procmem.Addr(s.Addr), End: m.Bias + procmem.Addr(s.Addr+s.Size)}
		// Sections are padded to their alignment: one range where only padding lies between.
		if n := len(out); n > 0 && r.Start >= out[n-1].End && r.Start-out[n-1].End <= 64 {
			out[n-1].End = r.End
			continue
		}
		out = append(out, r)
	}
	return out
}

func pageDown(n uint64) uint64 { return n &^ 4095 }
func pageUp(n uint64) uint64   { return (n + 4095) &^ 4095 }
