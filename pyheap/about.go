package pyheap

import (
	"debug/elf"
	"fmt"
	"path/filepath"

	"pyfreeze/symbols"
)

// About says in a few words what lies at an address: an object with its type and the start of its
// repr, a symbol of a loaded file, or the kind of memory.
func (h *Heap) About(a Addr) string {
	defer h.begin(h.callLimit())()
	p := uint64(a)
	if h.isObject(p) {
		name, _ := h.TypeName(a)
		if repr := h.Repr(a, maxAbout); repr != "" && repr[0] != '<' {
			return name + " " + repr
		} else if repr != "" {
			return repr
		}
		return name
	}
	return h.aboutMemory(p)
}

// aboutMemory is About for what is no object.
func (h *Heap) aboutMemory(p uint64) string {
	if m, ok := h.moduleOf(p); ok {
		return h.symbolAbout(m, Addr(p))
	}
	s := h.view.find(p)
	switch {
	case s == nil:
		return "not in known memory"
	case s.path == "[heap]", h.alloc.arenaOf(p) != nil:
		return "heap"
	case s.path != "":
		return fmt.Sprintf("%s+%#x", filepath.Base(s.path), p-s.start)
	case s.exec:
		return "anonymous executable memory"
	}
	return "anonymous memory"
}

// symbolAbout names an address of an ELF file by the symbol before it.
func (h *Heap) symbolAbout(m symbols.Module, a Addr) string {
	base := filepath.Base(m.Path)
	name, off, found := "", uint64(0), false
	if m.Path == h.in.Module.Path {
		if sym, o, ok := h.lay.SymbolAt(a - m.Bias); ok {
			name, off, found = sym.Name, o, true
		}
	} else {
		// The debug information of a library may take seconds to read: its exported symbols must do.
		_ = m.File.Dynsyms(func(s symbols.Sym) { // a damaged table gives no name
			if at := a - m.Bias; s.Type != elf.STT_TLS && at >= s.Addr && uint64(at-s.Addr) < max(s.Size, 1) {
				name, off, found = base+":"+s.Name, uint64(at-s.Addr), true
			}
		})
	}
	switch {
	case !found:
		return fmt.Sprintf("%s+%#x", base, uint64(a-m.Bias))
	case off == 0:
		return name
	}
	return fmt.Sprintf("%s+%#x", name, off)
}
