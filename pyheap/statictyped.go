package pyheap

import (
	"cmp"
	"slices"

	"pyfreeze/symbols"
)

// typedStatics follows the pointers of the static variables that debug information describes, before the rest of
// static data is read conservatively: so the blocks that they own get a type.
func (w *Walk) typedStatics() {
	h := w.h
	one := func(m symbols.Module, lay *symbols.Layout) {
		lay.Vars(func(v symbols.Var) {
			if v.Size < 8 || v.Size > maxStatic {
				return
			}
			at := uint64(v.Addr + m.Bias)
			if s := h.view.find(at); s == nil || !s.write {
				return
			}
			if p := h.variablePlan(lay, &v.Type); p != nil {
				w.visitStatic(at, v.Size, p)
			}
		})
	}
	one(h.in.Module, h.lay)
	for _, m := range h.modulesSorted {
		if lay := h.layouts[m.Path]; lay != nil && lay != h.lay {
			one(m, lay)
		}
	}
}

const maxStatic = 1 << 24 // bytes of one variable

// visitStatic follows the words of a static variable, but for the ranges that keep nothing alive.
func (w *Walk) visitStatic(at, size uint64, p *plan) {
	h := w.h
	if p.size == 0 || h.exhausted() {
		return
	}
	b := h.view.clip(at, size)
	for base := uint64(0); base+p.size <= uint64(len(b)); base += p.size {
		h.work += uint64(len(p.words)) + 1
		for i := range p.words {
			a := at + base + p.words[i].off
			q := le64(b, base+p.words[i].off)
			if k := p.words[i].kind; q == 0 || k == wordUnknown || w.skipped(a) {
				continue // what is not known is read last, with all else
			}
			w.from(root{kind: rootStatic, at: a})
			h.word(w, &p.words[i], q, 0)
		}
	}
}

func (w *Walk) skipped(a uint64) bool {
	i, _ := slices.BinarySearchFunc(w.skip, a, func(r [2]uint64, a uint64) int { return cmp.Compare(r[1], a+1) })
	return i < len(w.skip) && w.skip[i][0] <= a
}
