package symbols

import (
	"debug/elf"
	"errors"
	"fmt"

	"pyfreeze/procmem"
)

// Sym is a defined symbol.
type Sym struct {
	Name  string
	Addr  procmem.Addr // link-time address; for STT_TLS the offset in the TLS block
	Size  uint64       // bytes, 0 when not known
	Type  elf.SymType
	Local bool
}

// Dynsym returns the symbol that the file defines under that name in .dynsym,
// in its default version. It is fast: one map lookup after the first call.
func (f *File) Dynsym(name string) (Sym, bool) {
	f.loadDynsyms()
	i, ok := f.dynIdx[name]
	if !ok {
		return Sym{}, false
	}
	return symOf(&f.dynSyms[i]), true
}

// Dynsyms calls fn for every symbol that .dynsym defines, every version of it.
func (f *File) Dynsyms(fn func(Sym)) error {
	f.loadDynsyms()
	for i := range f.dynSyms {
		if f.dynSyms[i].Section != elf.SHN_UNDEF {
			fn(symOf(&f.dynSyms[i]))
		}
	}
	return f.dynErr
}

// Undefined calls fn for the name of every symbol that the file wants of others, until it returns false.
func (f *File) Undefined(fn func(name string) bool) error {
	f.loadDynsyms()
	for i := range f.dynSyms {
		if s := &f.dynSyms[i]; s.Section == elf.SHN_UNDEF && s.Name != "" && !fn(s.Name) {
			break
		}
	}
	return f.dynErr
}

func (f *File) loadDynsyms() {
	f.dynOnce.Do(func() {
		f.dynSyms, f.dynErr = readSymbols(f.Path, f.elf.DynamicSymbols)
		f.dynIdx = make(map[string]int32, len(f.dynSyms))
		for i := range f.dynSyms {
			s := &f.dynSyms[i]
			if s.Section == elf.SHN_UNDEF || s.Name == "" {
				continue
			}
			if _, dup := f.dynIdx[s.Name]; dup && s.HasVersion && s.VersionIndex.IsHidden() {
				continue
			}
			f.dynIdx[s.Name] = int32(i)
		}
	})
}

// readSymbols turns the "no such section" of debug/elf into an empty list, and
// its panics into an error.
func readSymbols(path string, read func() ([]elf.Symbol, error)) (syms []elf.Symbol, err error) {
	defer func() {
		if r := recover(); r != nil {
			syms, err = nil, &FormatError{path, fmt.Sprintf("symbol table: %v", r), nil}
		}
	}()
	syms, err = read()
	if errors.Is(err, elf.ErrNoSymbols) {
		return nil, nil
	}
	if err != nil {
		return nil, &FormatError{path, "symbol table", err}
	}
	return syms, nil
}

func symOf(s *elf.Symbol) Sym {
	return Sym{
		Name: s.Name, Addr: procmem.Addr(s.Value), Size: s.Size,
		Type: elf.ST_TYPE(s.Info), Local: elf.ST_BIND(s.Info) == elf.STB_LOCAL,
	}
}
