package pyheap

import "fmt"

// Place says what lies at an address.
type Place struct {
	Object Addr   // the object that it is in, or whose block it is in; 0 for none
	Offset uint64 // from the start of the object or block
	What   string // "builtins.dict", "keys of builtins.dict", "libc.so.6:qsort+0x10", "freed memory", "anonymous memory"
	Path   string // of the object, "" where there is none
}

func (p Place) String() string {
	s := p.What
	if p.Offset != 0 && p.Path != "" {
		s += fmt.Sprintf("+%#x", p.Offset)
	}
	if p.Path != "" {
		s += " " + p.Path
	}
	return s
}

// At says what lies at a: an object or a block that the walk has found, freed memory of an allocator, a symbol of a library, or the kind of
// memory.
func (w *Walk) At(a Addr) Place {
	p := uint64(a)
	if i, ok := w.nodeAround(p); ok {
		n := &w.nodes[i]
		at := Place{Offset: p - n.addr, What: w.opaqueOwner(i)}
		if !n.isBlock() {
			at.What = w.h.nameOf(w.h.list[n.typ])
			if p < n.addr { // its GC head
				at.Offset, at.What = w.h.before(w.h.list[n.typ])-(n.addr-p), "the GC head of "+at.What
			}
		}
		for i >= 0 && w.nodes[i].isBlock() {
			i = int(w.nodes[i].parent)
		}
		if i >= 0 {
			at.Object = Addr(w.nodes[i].addr)
			at.Path = w.Path(at.Object)
		}
		return at
	}
	if start, _, live, inArena := w.h.alloc.block(p); inArena && !live {
		return Place{What: "freed memory", Offset: p - start}
	}
	return Place{What: w.h.aboutMemory(p)}
}
