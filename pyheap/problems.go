package pyheap

import (
	"cmp"
	"fmt"
	"slices"
)

// Problem is something in a heap that a sound one does not have.
type Problem struct {
	Addr   Addr   `json:"addr"`             // of the object that is broken, or that refers to what is none
	Type   string `json:"type"`             // its type
	What   string `json:"what"`             // completes a sentence whose subject is the object
	Target Addr   `json:"target,omitempty"` // what it refers to, 0 if the object itself is broken
}

func (p Problem) String() string { return fmt.Sprintf("%s at %s %s", p.Type, p.Addr, p.What) }

// maxProblems are kept; more are only counted.
const maxProblems = 1000

// problems collects what a walk comes upon.
type problems struct {
	list  []Problem
	count int
}

func (p *problems) add(q Problem) {
	if p.count++; len(p.list) < maxProblems {
		p.list = append(p.list, q)
	}
}

// Problems tells what is broken: objects whose size, length or parts cannot be, objects that overlap, and references
// to memory that holds no object. At most 1,000 are given, in the order of addresses; count is how many there are.
// It is empty for the heap of an interpreter at rest. Objects that only looks made one are not judged.
func (w *Walk) Problems() (list []Problem, count int) {
	defer w.h.begin(w.h.walkLimit())()
	p := problems{slices.Clone(w.problems.list), w.problems.count}
	var last uint64 // where the object before ends
	var lastAt Addr
	var lastType string
	for _, i := range w.order {
		n := &w.nodes[i]
		if n.isBlock() || int(i) >= w.fromStack {
			continue
		}
		t := w.h.list[n.typ]
		if what := w.h.flaw(n.addr, t); what != "" {
			p.add(Problem{Addr: Addr(n.addr), Type: w.h.nameOf(t), What: what})
			continue
		}
		before, size := w.h.extent(w.h.view.find(n.addr), n.addr, t)
		if n.addr-before < last {
			p.add(Problem{Addr: Addr(n.addr), Type: w.h.nameOf(t), What: fmt.Sprintf("overlaps the %s at %s", lastType, lastAt), Target: lastAt})
		}
		if end := n.addr + size; end > last {
			last, lastAt, lastType = end, Addr(n.addr), w.h.nameOf(t)
		}
		if w.h.exhausted() {
			break
		}
	}
	slices.SortStableFunc(p.list, func(a, b Problem) int { return cmp.Compare(a.Addr, b.Addr) })
	return p.list, p.count
}

// dangles notes that the object being visited refers to what is no object.
func (w *Walk) dangles(to uint64) {
	if w.parent < 0 || w.fromStack != 0 {
		return // what roots refer to is not declared to be an object in every version
	}
	n := &w.nodes[w.parent]
	if n.isBlock() {
		return
	}
	w.problems.add(Problem{Addr: Addr(n.addr), Type: w.h.nameOf(w.h.list[n.typ]), What: "refers to " + w.h.notAnObject(to), Target: Addr(to)})
}

// notAnObject says why there is no object at a.
func (h *Heap) notAnObject(a uint64) string {
	refs, ok := h.view.u64(a)
	typ, ok2 := h.view.u64(a + h.off.obType)
	switch {
	case !ok || !ok2:
		return fmt.Sprintf("%#x, which is not in known memory", a)
	case a&7 != 0:
		return fmt.Sprintf("%#x, which is not aligned", a)
	case h.typeAt(typ) == nil:
		return fmt.Sprintf("%#x, whose ob_type %#x is no type", a, typ)
	}
	return fmt.Sprintf("%#x, whose ob_refcnt is %d", a, int64(refs))
}
