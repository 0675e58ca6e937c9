package pyheap

import (
	"slices"

	"pyfreeze/symbols"
)

// WordKind says what an aligned word of memory holds.
type WordKind uint8

// Kinds of words.
const (
	WordUnknown WordKind = iota // perhaps a pointer
	WordPointer                 // a pointer, or NULL
	WordData                    // no pointer, whatever its value looks like
)

// WordInfo tells what a word holds and how that is known.
type WordInfo struct {
	Kind  WordKind
	How   string // "object", "struct", "static variable"; "" where nothing is known
	Owner string // type of the object that the word belongs to, or the variable; may be ""
}

// Word tells what the aligned word at a holds: by the type of the object or block that it lies in, or by the
// static variable. It takes some microseconds.
func (w *Walk) Word(a Addr) WordInfo {
	i, ok := w.nodeAround(uint64(a))
	if !ok {
		return w.h.staticWord(uint64(a))
	}
	n := &w.nodes[i]
	info := WordInfo{Owner: w.opaqueOwner(i)}
	off := uint64(a) - n.addr
	switch {
	case n.isBlock() && blockKind(n.typ) == blockOpaque:
	case w.IsData(a):
		info.Kind, info.How = WordData, "object"
	case n.isBlock():
		info.Kind, info.How = WordPointer, "struct"
		if p := w.planOf(n); p != nil && p.wordAt(off).kind == wordUnknown {
			info.Kind, info.How = WordUnknown, ""
		}
	default:
		info.Kind, info.How = WordPointer, "object"
		t := w.h.list[n.typ]
		s := w.h.shapeOf(t)
		if at, ok := s.find(off); ok && at.kind == wordUnknown || off >= t.basicsize && off < 1<<63 && !s.tailKnown && t.kind == kindGeneric {
			info.Kind, info.How = WordUnknown, ""
		}
	}
	return info
}

// find gives the word of a shape at that offset.
func (s *shape) find(off uint64) (planWord, bool) {
	i, ok := slices.BinarySearchFunc(s.words, off, func(w planWord, off uint64) int { return int(int64(w.off) - int64(off)) })
	if !ok {
		return planWord{}, false
	}
	return s.words[i], true
}

// wordAt gives the word at that offset of a block of structs; of kind wordData where there is no pointer.
func (p *plan) wordAt(off uint64) planWord {
	if p.state != planDone {
		return planWord{off: off, kind: wordUnknown} // nothing of the kind was visited
	}
	if p.tail != nil && off >= p.first {
		return p.tail.wordAt(off - p.first)
	}
	if p.size != 0 && p.tail == nil {
		off %= p.size
	}
	i, ok := slices.BinarySearchFunc(p.words, off, func(w planWord, off uint64) int { return int(int64(w.off) - int64(off)) })
	if !ok {
		return planWord{off: off}
	}
	return p.words[i]
}

// staticWord tells what DWARF says of a word of static data.
func (h *Heap) staticWord(a uint64) WordInfo {
	m, lay := h.moduleAt(a)
	if lay == nil {
		return WordInfo{}
	}
	sym, off, ok := lay.SymbolAt(Addr(a) - m.Bias)
	if !ok {
		return WordInfo{}
	}
	info := WordInfo{Owner: sym.Name}
	v, ok := lay.VarAt(sym.Addr)
	if !ok || v.Type.Kind == symbols.KindUnknown {
		return info
	}
	info.How = "static variable"
	p := h.variablePlan(lay, &v.Type)
	switch {
	case p == nil:
		info.Kind = WordData
	case p.wordAt(off).kind == wordUnknown:
		info.How = ""
	case p.wordAt(off).kind == wordData:
		info.Kind = WordData
	default:
		info.Kind = WordPointer
	}
	return info
}

// variablePlan gives the plan of a static variable; nil where it has no pointers.
func (h *Heap) variablePlan(lay *symbols.Layout, t *symbols.TypeRef) *plan {
	if t.Kind == symbols.KindArray && t.Elem != nil {
		return h.elementPlanDone(lay, t.Elem)
	}
	return h.elementPlanDone(lay, t)
}

func (h *Heap) elementPlanDone(lay *symbols.Layout, t *symbols.TypeRef) *plan {
	if p := h.elementPlan(lay, t); p != nil {
		return h.compiled(p)
	}
	return nil
}
