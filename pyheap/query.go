package pyheap

import (
	"slices"
	"strings"
)

// Object is what a walk knows of one object.
type Object struct {
	Addr       Addr
	Type       Addr
	TypeName   string
	Size       uint64 // with the GC head and the blocks it owns: of builtin types what sys.getsizeof says
	FramesOnly bool   // nothing but frames of threads, or the collector's lists, leads to it
	Reach      Reach
}

// TypeCount is how many objects have one exact type.
type TypeCount struct {
	Name  string
	Type  Addr
	Count int
	Bytes uint64 // the sum of their sizes
}

// Objects gives how many objects the walk found.
func (w *Walk) Objects() int { return w.objects }

// Each calls fn with every object, in the order of addresses.
func (w *Walk) Each(fn func(o Object)) {
	for _, i := range w.order {
		if n := &w.nodes[i]; !n.isBlock() {
			fn(w.object(int(i)))
		}
	}
}

func (w *Walk) object(i int) Object {
	n := &w.nodes[i]
	t := w.h.list[n.typ]
	r := w.reach(i)
	return Object{Addr: Addr(n.addr), Type: Addr(t.addr), TypeName: w.h.nameOf(t),
		Size: w.h.fullSize(n.addr, t), FramesOnly: r == ReachFrames || r == ReachGC, Reach: r}
}

func (w *Walk) reach(i int) Reach {
	p := numPhases - 1
	for p > 0 && i < w.starts[p] {
		p--
	}
	return reachOf[p]
}

// Find gives the object that starts at a.
func (w *Walk) Find(a Addr) (Object, bool) {
	i, ok := w.nodeAt(uint64(a))
	if !ok || w.nodes[i].isBlock() || w.nodes[i].addr != uint64(a) {
		return Object{}, false
	}
	return w.object(i), true
}

// Containing gives the object whose memory a lies in: in itself, in what precedes it, or in a block
// that it owns. False where nothing is known.
func (w *Walk) Containing(a Addr) (Object, bool) {
	i, ok := w.nodeAround(uint64(a))
	for depth := 0; ok && w.nodes[i].isBlock(); depth++ {
		p := w.nodes[i].parent
		if p < 0 || depth > maxPath {
			return Object{}, false
		}
		i = int(p)
	}
	if !ok {
		return Object{}, false
	}
	return w.object(i), true
}

// nodeAt gives the last node that starts at or before a in a's segment.
func (w *Walk) nodeAt(a uint64) (int, bool) {
	s := w.h.view.find(a)
	if s == nil {
		return 0, false
	}
	r, ok := w.marks.before(s, a)
	if !ok {
		return 0, false
	}
	return int(w.order[r]), true
}

// nodeAround gives the node whose memory a lies in.
func (w *Walk) nodeAround(a uint64) (int, bool) {
	if i, ok := w.nodeAt(a); ok && a-w.nodes[i].addr < w.extent(i) {
		return i, true
	}
	// What precedes an object belongs to it.
	for ahead := uint64(8); ahead <= 32; ahead += 8 {
		i, ok := w.nodeAt(a&^7 + ahead)
		if ok && w.nodes[i].addr == a&^7+ahead && !w.nodes[i].isBlock() {
			if w.h.before(w.h.list[w.nodes[i].typ]) >= ahead {
				return i, true
			}
		}
	}
	return 0, false
}

func (w *Walk) extent(i int) uint64 {
	n := &w.nodes[i]
	if n.isBlock() {
		return n.size
	}
	return w.h.ownSize(n.addr, w.h.list[n.typ])
}

// ByType gives the census: the types with any objects, the most frequent first.
func (w *Walk) ByType() []TypeCount {
	counts := make([]TypeCount, len(w.h.list))
	for _, i := range w.order {
		n := &w.nodes[i]
		if n.isBlock() {
			continue
		}
		counts[n.typ].Count++
		counts[n.typ].Bytes += w.h.fullSize(n.addr, w.h.list[n.typ])
	}
	out := counts[:0]
	for i := range counts {
		if counts[i].Count != 0 {
			c := counts[i]
			c.Name, c.Type = w.h.nameOf(w.h.list[i]), Addr(w.h.list[i].addr)
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b TypeCount) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out
}

// OfType gives the objects whose type is the named one or a subclass of it, in the order of
// addresses. A name without a module is one of builtins.
func (w *Walk) OfType(name string) []Object {
	if !strings.Contains(name, ".") {
		name = "builtins." + name
	}
	var bases []*typeInfo
	for _, t := range w.h.list[numBlockKinds:] {
		if w.h.nameOf(t) == name {
			bases = append(bases, t)
		}
	}
	match := make([]bool, len(w.h.list))
	for _, t := range w.h.list[numBlockKinds:] {
		for _, b := range bases {
			match[t.index] = match[t.index] || w.h.isSubclass(t, b)
		}
	}
	var out []Object
	for _, i := range w.order {
		if n := &w.nodes[i]; !n.isBlock() && match[n.typ] {
			out = append(out, w.object(int(i)))
		}
	}
	return out
}

// HasType says whether the walk has come upon a type of that name.
func (w *Walk) HasType(name string) bool {
	if !strings.Contains(name, ".") {
		name = "builtins." + name
	}
	return slices.ContainsFunc(w.h.list[numBlockKinds:], func(t *typeInfo) bool { return w.h.nameOf(t) == name })
}

// isSubclass looks along tp_base, and into tp_mro for the other bases.
func (h *Heap) isSubclass(t, base *typeInfo) bool {
	if t.isSubclassOf(base) {
		return true
	}
	mro, _ := h.view.u64(t.addr + h.off.typ.mro)
	items, err := h.TupleItems(Addr(mro), maxBaseDepth)
	return err == nil && slices.Contains(items, Addr(base.addr))
}

// typeSize gives the size of a type with the keys that its instances share, without the descriptions
// of its slots, as Python counts.
func (h *Heap) typeSize(a uint64, meta *typeInfo) uint64 {
	size := h.before(meta) + meta.basicsize
	if f, _ := h.view.u64(a + h.off.typ.flags); f&flagHeapType == 0 {
		size = h.before(meta) + h.off.typ.size
		if !h.atLeast(11) || h.atLeast(13) { // 3.11 and 3.12 count a GC head that static types do not have
			size -= h.before(meta)
		}
		return size
	}
	p, _ := h.view.u64(a + h.off.typ.htKeys)
	if k, ok := h.keysTable(p); ok {
		size += k.size
	}
	return size
}

// dictExtra gives the size of the keys of a dict, unless they are shared, and of split values.
func (h *Heap) dictExtra(a uint64) uint64 {
	keys, _ := h.view.u64(a + h.off.dict.keys)
	values, _ := h.view.u64(a + h.off.dict.values)
	k, ok := h.keysTable(keys)
	if !ok {
		return 0
	}
	n := uint64(0)
	if values != 0 {
		n += k.capacity * 8
	}
	if k.refcnt == 1 {
		n += k.size
	}
	return n
}

// sizer adds up the blocks that an object owns.
type sizer struct{ bytes uint64 }

func (s *sizer) edge(edgeKind, uint64, uint64)     {}
func (s *sizer) wantType(*typeInfo) bool           { return false }
func (s *sizer) block(_ blockKind, _, size uint64) { s.bytes += size }

// Kept says whether modules lead to the object, not only frames of functions under way.
func (o Object) Kept() bool { return o.Reach == ReachRoots || o.Reach == ReachGuess }
