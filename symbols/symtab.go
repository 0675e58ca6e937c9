package symbols

import (
	"cmp"
	"debug/elf"
	"slices"
)

// maxSymbols bounds the symbols kept of one file.
const maxSymbols = 1 << 22

// collectSymbols returns the symbols of f and its debug file, by name; of one
// name first .dynsym's default version, then globals, then locals.
func collectSymbols(f, debug *File) ([]symRec, error) {
	type ranked struct {
		symRec
		rank uint8
	}
	var all []ranked
	add := func(s *elf.Symbol, rank uint8) {
		typ := elf.ST_TYPE(s.Info)
		if s.Section == elf.SHN_UNDEF || s.Name == "" || typ == elf.STT_SECTION || typ == elf.STT_FILE || len(all) >= maxSymbols {
			return
		}
		local := elf.ST_BIND(s.Info) == elf.STB_LOCAL
		if local {
			rank++
		}
		all = append(all, ranked{symRec{s.Name, s.Value, s.Size, uint8(typ), local}, rank})
	}
	f.loadDynsyms()
	if f.dynErr != nil {
		return nil, f.dynErr
	}
	for i := range f.dynSyms {
		s := &f.dynSyms[i]
		rank := uint8(0)
		if s.HasVersion && s.VersionIndex.IsHidden() {
			rank = 1
		}
		add(s, rank)
	}
	sources := []*File{f}
	if debug != f {
		sources = append(sources, debug)
	}
	for _, src := range sources {
		syms, err := readSymbols(src.Path, src.elf.Symbols)
		if err != nil {
			return nil, err
		}
		for i := range syms {
			add(&syms[i], 2)
		}
	}
	slices.SortStableFunc(all, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.rank, b.rank), cmp.Compare(a.addr, b.addr))
	})
	out := make([]symRec, 0, len(all))
	for i := range all {
		s := &all[i].symRec
		if n := len(out); n > 0 && out[n-1].name == s.name && out[n-1].addr == s.addr {
			continue
		}
		out = append(out, *s)
	}
	return out, nil
}
