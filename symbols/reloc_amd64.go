package symbols

import (
	"debug/elf"
	"encoding/binary"
	"fmt"

	"pyfreeze/procmem"
)

// Reloc is one dynamic relocation.
type Reloc struct {
	Off     procmem.Addr // link-time address of the word that ld.so writes
	Type    elf.R_X86_64
	Sym     string // "" for relative ones
	SymLib  string // file that the symbol's version names, "" when not versioned
	Version string // e.g. "GLIBC_2.2.5"
	Undef   bool   // the symbol is not defined by this file
	Weak    bool
	SymAddr procmem.Addr // link-time address where this file defines it (COPY: the copy)
	SymSize uint64       // bytes; what a COPY relocation copies
	Addend  int64
}

const (
	relaSize = 24
	shtRELR  = elf.SectionType(19)
)

// Relocations returns all dynamic relocations (.rela.dyn, .rela.plt, .relr.dyn)
// in the file's order. An index into the symbol table that does not exist gives
// a *FormatError.
func (f *File) Relocations() ([]Reloc, error) {
	f.loadDynsyms()
	if f.dynErr != nil {
		return nil, f.dynErr
	}
	var out []Reloc
	for _, s := range f.Sections {
		if s.Flags&elf.SHF_ALLOC == 0 || s.Type != elf.SHT_RELA && s.Type != shtRELR {
			continue
		}
		b, err := f.SectionData(s)
		if err != nil {
			return nil, err
		}
		if s.Type == shtRELR {
			out, err = f.relr(out, b)
		} else {
			out, err = f.rela(out, b, s.Name)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (f *File) rela(out []Reloc, b []byte, section string) ([]Reloc, error) {
	for ; len(b) >= relaSize; b = b[relaSize:] {
		info := binary.LittleEndian.Uint64(b[8:])
		r := Reloc{
			Off:    procmem.Addr(binary.LittleEndian.Uint64(b)),
			Type:   elf.R_X86_64(elf.R_TYPE64(info)),
			Addend: int64(binary.LittleEndian.Uint64(b[16:])),
		}
		if n := elf.R_SYM64(info); n != 0 {
			if uint64(n) > uint64(len(f.dynSyms)) {
				return nil, &FormatError{f.Path, fmt.Sprintf("%s: symbol %d of %d", section, n, len(f.dynSyms)), nil}
			}
			s := &f.dynSyms[n-1] // debug/elf leaves out symbol 0
			r.Sym, r.SymLib, r.Version = s.Name, s.Library, s.Version
			r.Undef = s.Section == elf.SHN_UNDEF
			r.Weak = elf.ST_BIND(s.Info) == elf.STB_WEAK
			r.SymAddr, r.SymSize = procmem.Addr(s.Value), s.Size
		}
		out = append(out, r)
	}
	return out, nil
}

// relr unpacks the compact form of relative relocations: an even word is an
// address, an odd one a bitmap of the 63 words after the last address. Their
// addend is the word's initial contents.
func (f *File) relr(out []Reloc, b []byte) ([]Reloc, error) {
	add := func(a uint64) error {
		var w [ptrSize]byte
		if err := f.ReadLink(w[:], procmem.Addr(a)); err != nil {
			return err
		}
		out = append(out, Reloc{Off: procmem.Addr(a), Type: elf.R_X86_64_RELATIVE,
			Addend: int64(binary.LittleEndian.Uint64(w[:]))})
		return nil
	}
	var next uint64
	for ; len(b) >= ptrSize; b = b[ptrSize:] {
		w := binary.LittleEndian.Uint64(b)
		if w&1 == 0 {
			if err := add(w); err != nil {
				return nil, err
			}
			next = w + ptrSize
			continue
		}
		for i := uint64(0); i < 63; i++ {
			if w>>(i+1)&1 != 0 {
				if err := add(next + i*ptrSize); err != nil {
					return nil, err
				}
			}
		}
		next += 63 * ptrSize
	}
	return out, nil
}
