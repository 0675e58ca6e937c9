package pyheap

// Dominators tells what each object keeps alive alone: what would be gone with it. One object
// dominates another where every path from the roots to that leads through it. The roots are
// modules, the state of the interpreter, static data and the frames of threads; weak references
// keep nothing alive, nor does the table of interned strings, nor what looks like a reference in
// memory of unknown type where something else leads to the object. It refers to the Walk.
type Dominators struct {
	w        *Walk
	f        *flow
	sizes    *Sizes
	retained []uint64 // in numbers of the search
	child    []uint32 // the tree of dominators: first child, next sibling; 0 for none
	sibling  []uint32
}

// graphBuilder collects the edges of a walk.
type graphBuilder struct {
	w    *Walk
	succ []uint32
	from int // where the edges of the node being visited begin

	guess bool // the node being visited is memory of unknown type
}

func (b *graphBuilder) to(i int) {
	if b.guess && i < b.w.starts[phaseGuessRoots] {
		return
	}
	// Many edges of a node lead to the same one: a type, a small int.
	if n := uint32(i + 1); len(b.succ) == b.from || b.succ[len(b.succ)-1] != n {
		b.succ = append(b.succ, n)
	}
}

func (b *graphBuilder) edge(k edgeKind, to, _ uint64) {
	s := b.w.h.view.find(to)
	if s == nil {
		return
	}
	if to&7 == 0 && b.w.marks.has(s, to) {
		if i, ok := b.w.exactly(to); ok {
			b.to(i)
		}
		return
	}
	if !k.guess() {
		return
	}
	if start, _, live, inArena := b.w.h.alloc.block(to); live && inArena { // a pointer into a block
		if i, ok := b.w.exactly(start); ok && b.w.nodes[i].isBlock() {
			b.to(i)
		}
	} else if start = s.blockAround(to); start != 0 {
		if i, ok := b.w.exactly(s.userStart(start)); ok && b.w.nodes[i].isBlock() {
			b.to(i)
		}
	}
}

func (b *graphBuilder) block(_ blockKind, at, _ uint64) { b.edge(edgeField, at, 0) }

// wantType leaves out types that live for as long as the process.
func (b *graphBuilder) wantType(t *typeInfo) bool { return t.flags&flagHeapType != 0 }

// graph gives the nodes of the walk, from 1 on, and what they refer to; node 0 stands for the
// roots.
func (w *Walk) graph() (*graph, error) {
	b := &graphBuilder{w: w, succ: make([]uint32, 0, len(w.nodes)*2)}
	g := &graph{first: make([]uint32, 0, len(w.nodes)+2)}
	g.first = append(g.first, 0)
	for i := range w.nodes {
		if w.nodes[i].parent < 0 {
			b.succ = append(b.succ, uint32(i+1))
		}
	}
	for _, a := range w.held {
		if i, ok := w.exactly(a); ok {
			b.succ = append(b.succ, uint32(i+1))
		}
	}
	interned := w.h.interned()
	for i := range w.nodes {
		n := &w.nodes[i]
		b.from, b.guess = len(b.succ), n.isBlock() && blockKind(n.typ) == blockOpaque
		g.first = append(g.first, uint32(b.from))
		if n.addr == interned {
			continue
		}
		switch p := w.planOf(n); {
		case !n.isBlock():
			if t := w.h.list[n.typ]; w.h.readable(n.addr, t) {
				w.h.visit(b, n.addr, t)
			}
		case p != nil:
			w.h.visitPlan(b, n.addr, n.size, p)
		case blockKind(n.typ) == blockOpaque:
			w.h.scan(b, w.h.view.clip(n.addr, n.size), 0, nil)
		}
		if w.h.exhausted() || len(b.succ) > maxEdges {
			return nil, &BudgetError{i, nil}
		}
	}
	g.first, g.succ = append(g.first, uint32(len(b.succ))), b.succ
	return g, nil
}

const maxEdges = 1<<32 - 2

// interned gives the dict of interned strings: its references to them do not count.
func (h *Heap) interned() uint64 {
	r := &resolver{lay: h.lay}
	if off := r.opt("PyInterpreterState.cached_objects.interned_strings"); off != absent {
		// gh-102304, 3.12; its references are counted, but it lets go at exit only
		d, _ := h.view.u64(h.main + off)
		return d
	}
	if s, ok := h.symbol("interned"); ok {
		d, _ := h.view.u64(s)
		return d
	}
	return 0
}

// Dominators finds out what each object keeps alive. It takes some 60 bytes for each object and
// block.
func (w *Walk) Dominators(sizes *Sizes) (_ *Dominators, err error) {
	defer guard(&err)
	defer w.h.begin(2 * w.h.walkLimit())()
	g, err := w.graph()
	if err != nil {
		return nil, err
	}
	d := &Dominators{w: w, sizes: sizes, f: dominators(g)}
	n := len(d.f.vertex)
	d.retained, d.child, d.sibling = make([]uint64, n), make([]uint32, n), make([]uint32, n)
	for v := n - 1; v > 0; v-- {
		d.retained[v] += sizes.self[d.node(uint32(v))]
		up := d.f.idom[v]
		d.retained[up] += d.retained[v]
		d.sibling[v], d.child[up] = d.child[up], uint32(v)
	}
	return d, nil
}

// node gives the number in the walk of a number of the search, which is not 0.
func (d *Dominators) node(v uint32) int { return int(d.f.vertex[v]) - 1 }

// Total is what all objects and blocks take.
func (d *Dominators) Total() uint64 { return d.retained[0] }

// Retained gives the bytes that would be gone with the object that starts at a, itself included; 0
// where there is none.
func (d *Dominators) Retained(a Addr) uint64 {
	i, ok := d.w.exactly(uint64(a))
	if !ok {
		return 0
	}
	return d.retained[d.f.number[i+1]]
}

// preorder calls enter with top and each number below it, and leave after those below that.
func (d *Dominators) preorder(top uint32, enter, leave func(v uint32)) {
	v := top
	enter(v)
	for {
		if c := d.child[v]; c != 0 {
			v = c
			enter(v)
			continue
		}
		for {
			leave(v)
			if v == top {
				return
			}
			if s := d.sibling[v]; s != 0 {
				v = s
				enter(v)
				break
			}
			v = d.f.idom[v]
		}
	}
}

// object gives the object that a number stands for; false for blocks and for the roots.
func (d *Dominators) object(v uint32) (*node, bool) {
	if v == 0 {
		return nil, false
	}
	n := &d.w.nodes[d.node(v)]
	return n, !n.isBlock()
}
