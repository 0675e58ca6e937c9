package pyheap

// Ref is a reference from or to an object.
type Ref struct {
	Object Addr   // at the other end
	How    string // the step as in a path: ".name", "[0]", ".__class__"
}

const maxRefs = 1 << 16

// Edges gives the objects that an object refers to, in the order that it stores them, as its type says; what
// it owns but is no object (the table of a dict) is looked through.
func (h *Heap) Edges(obj Addr) []Ref {
	defer h.begin(h.callLimit())()
	a := uint64(obj)
	if !h.isObject(a) {
		return nil
	}
	t, err := h.typeOf(a)
	if err != nil {
		return nil
	}
	l := refLister{h: h, from: a, t: t}
	h.visit(&l, a, t)
	return l.out
}

// refLister collects the references of one object.
type refLister struct {
	h    *Heap
	from uint64
	t    *typeInfo
	want uint64 // collect only references to this object; 0: all
	out  []Ref
}

func (l *refLister) edge(k edgeKind, to, arg uint64) {
	if len(l.out) >= maxRefs || l.want != 0 && to != l.want || k.weak() && !l.h.isObject(to) {
		return
	}
	how := ".__dict__"
	if k != edgeDict {
		how, _ = l.h.edgeLabel(l.from, l.t, k, arg, false)
	}
	l.out = append(l.out, Ref{Addr(to), how})
}

func (l *refLister) block(blockKind, uint64, uint64) {}
func (l *refLister) wantType(*typeInfo) bool         { return true }

// Referrers gives the objects that refer to the one at a, in the order of addresses, and how. Frames of
// threads, static data and memory that extensions keep for themselves are not among them: see Path.
func (w *Walk) Referrers(a Addr) []Ref {
	h := w.h
	defer h.begin(h.walkLimit())()
	var out []Ref
	for _, i := range w.order {
		n := &w.nodes[i]
		if n.isBlock() {
			continue
		}
		t := h.list[n.typ]
		f := finder{want: uint64(a)}
		h.visit(&f, n.addr, t)
		if !f.found {
			continue
		}
		l := refLister{h: h, from: n.addr, t: t, want: uint64(a)}
		h.visit(&l, n.addr, t)
		for _, r := range l.out {
			out = append(out, Ref{Addr(n.addr), r.How})
		}
		if len(out) >= maxRefs || h.exhausted() {
			break
		}
	}
	return out
}

// IsType says whether the object at a is a type.
func (h *Heap) IsType(a Addr) bool {
	t, err := h.typeOf(uint64(a))
	return err == nil && t.kind == kindType && h.typeAt(uint64(a)) != nil
}
