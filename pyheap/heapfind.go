package pyheap

import (
	"cmp"
	"hash/maphash"
	"slices"
)

// Suspect is an object that keeps much alive by many small parts: where memory has gathered.
type Suspect struct {
	Addr     Addr
	TypeName string
	Retained uint64
	Gathered uint64  // of that, what is not kept by other suspects below it
	Objects  int     // that it keeps alive, itself included
	Most     HeapRow // the type that most of these bytes are of
}

// Suspects gives the objects that keep alive at least a share of all memory which no smaller part
// of them does, the largest first. sys.modules is none: it has everything.
func (d *Dominators) Suspects(share float64) []Suspect {
	w := d.w
	defer w.h.begin(w.h.walkLimit())()
	least := max(uint64(share*float64(d.Total())), 1)
	modules, _ := w.h.modulesDict()
	var out []Suspect
	todo := []uint32{0}
	for len(todo) > 0 {
		v := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		rest := d.retained[v]
		parts := []uint32{v} // the object, and the blocks below it that are part of it
		for i := 0; i < len(parts); i++ {
			for c := d.child[parts[i]]; c != 0; c = d.sibling[c] {
				if d.retained[c] < least {
					continue
				}
				if _, ok := d.object(c); !ok && v != 0 {
					parts = append(parts, c)
					continue
				}
				todo = append(todo, c)
				rest -= d.retained[c]
			}
		}
		n, ok := d.object(v)
		if ok && rest >= least && n.addr != uint64(modules) {
			s := Suspect{Addr: Addr(n.addr), TypeName: w.h.nameOf(w.h.list[n.typ]),
				Retained: d.retained[v], Gathered: rest}
			d.census(v, &s)
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b Suspect) int {
		return cmp.Or(cmp.Compare(b.Gathered, a.Gathered), cmp.Compare(a.Addr, b.Addr))
	})
	return out
}

// census tells what a suspect keeps.
func (d *Dominators) census(top uint32, s *Suspect) {
	rows := map[uint32]*HeapRow{}
	d.preorder(top, func(v uint32) {
		n, ok := d.object(v)
		if !ok { // a block counts as its owner does
			i := d.sizes.owner(d.node(v))
			if i < 0 {
				return
			}
			n = &d.w.nodes[i]
		}
		r := rows[n.typ]
		if r == nil {
			r = &HeapRow{Type: Addr(d.w.h.list[n.typ].addr)}
			rows[n.typ] = r
		}
		r.Bytes += d.sizes.self[d.node(v)]
		if ok {
			r.Objects++
			s.Objects++
		}
	}, func(uint32) {})
	for id, r := range rows {
		if r.Bytes > s.Most.Bytes || r.Bytes == s.Most.Bytes && r.Type < s.Most.Type {
			s.Most = *r
			s.Most.Name = d.w.h.nameOf(d.w.h.list[id])
		}
	}
}

// Largest gives the objects that keep most alive, the largest first, at most n.
func (d *Dominators) Largest(n int) (out []Addr) {
	var top []uint32
	least := uint64(0)
	for v := uint32(1); int(v) < len(d.f.vertex); v++ {
		if _, ok := d.object(v); !ok || d.retained[v] <= least {
			continue
		}
		if top = append(top, v); len(top) >= 2*n {
			top = d.best(top, n)
			least = d.retained[top[len(top)-1]]
		}
	}
	for _, v := range d.best(top, n) {
		out = append(out, Addr(d.w.nodes[d.node(v)].addr))
	}
	return out
}

func (d *Dominators) best(list []uint32, n int) []uint32 {
	slices.SortFunc(list, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(d.retained[b], d.retained[a]), cmp.Compare(a, b))
	})
	return list[:min(n, len(list))]
}

// Duplicates is a group of equal objects.
type Duplicates struct {
	First    Addr
	TypeName string
	Count    int
	Wasted   uint64 // bytes that one of them alone would save
}

// Duplicates gives the str, bytes and tuples that are there more than once, those that waste most
// first, at most n groups, and what all groups waste. Tuples are equal if they have the same
// objects for items.
func (s *Sizes) Duplicates(n int) (out []Duplicates, groups int, wasted uint64) {
	w := s.w
	h := w.h
	defer h.begin(2 * h.walkLimit())()
	type entry struct {
		hash uint64
		node uint32
	}
	var all []entry
	seed := maphash.MakeSeed()
	for i := range w.nodes {
		nd := &w.nodes[i]
		if nd.isBlock() || h.exhausted() {
			continue
		}
		t := h.list[nd.typ]
		if b, width := h.contents(nd.addr, t); b != nil && t.exact {
			all = append(all, entry{maphash.Bytes(seed, b) ^ (uint64(t.kind)<<8 | width),
				uint32(i)})
		}
	}
	slices.SortFunc(all, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash),
			cmp.Compare(a.node, b.node))
	})
	for i := 0; i < len(all); {
		j := i + 1
		g := Duplicates{First: Addr(w.nodes[all[i].node].addr), Count: 1}
		for ; j < len(all) && all[j].hash == all[i].hash; j++ {
			g.Count++
			g.Wasted += s.full[all[j].node]
		}
		if g.Count > 1 {
			groups++
			wasted += g.Wasted
			g.TypeName = h.nameOf(h.list[w.nodes[all[i].node].typ])
			out = append(out, g)
		}
		i = j
	}
	slices.SortFunc(out, func(a, b Duplicates) int {
		return cmp.Or(cmp.Compare(b.Wasted, a.Wasted), cmp.Compare(a.First, b.First))
	})
	return slices.Clone(out[:min(n, len(out))]), groups, wasted
}

// contents gives what makes two objects of a type equal: bytes, and how many a character of a str
// has; nil for what is not compared, or empty.
func (h *Heap) contents(a uint64, t *typeInfo) (b []byte, width uint64) {
	switch t.kind {
	case kindStr:
		if b, width, err := h.chars(a, maxStr); err == nil && len(b) > 0 {
			return b, width
		}
	case kindBytes:
		if b, err := h.Bytes(Addr(a)); err == nil && len(b) > 0 {
			return b, 0
		}
	case kindTuple:
		n := h.items(a, t)
		if b := h.array(a+h.off.seq.tupleItems, n); n > 0 && uint64(len(b)) == n*8 {
			return b, 0
		}
	}
	return nil, 0
}

// Fill says how full the containers of one type are.
type Fill struct {
	TypeName string
	Objects  int
	Empty    int    // that hold nothing
	Used     uint64 // entries that hold something
	Capacity uint64 // entries that there is room for
	Wasted   uint64 // bytes of room that holds nothing
	Worst    Addr   // that wastes most
	WorstBy  uint64
}

// Fills tells how full dicts, sets and lists are, by their exact type, those that waste most first.
// A table that instances share is not counted.
func (s *Sizes) Fills() (out []Fill) {
	w := s.w
	h := w.h
	defer h.begin(h.walkLimit())()
	rows := map[uint32]*Fill{}
	for i := range w.nodes {
		n := &w.nodes[i]
		if n.isBlock() {
			continue
		}
		t := h.list[n.typ]
		used, capacity, entry, ok := h.fillOf(n.addr, t)
		if !ok {
			continue
		}
		f := rows[n.typ]
		if f == nil {
			f = &Fill{TypeName: h.nameOf(t)}
			rows[n.typ] = f
		}
		f.Objects++
		f.Used += used
		f.Capacity += capacity
		if used == 0 {
			f.Empty++
		}
		waste := (capacity - min(used, capacity)) * entry
		f.Wasted += waste
		if waste > f.WorstBy {
			f.Worst, f.WorstBy = Addr(n.addr), waste
		}
	}
	for _, f := range rows {
		out = append(out, *f)
	}
	slices.SortFunc(out, func(a, b Fill) int {
		return cmp.Or(cmp.Compare(b.Wasted, a.Wasted), cmp.Compare(a.TypeName, b.TypeName))
	})
	return out
}

// fillOf gives how many entries a container uses, how many it has room for, and the size of one.
func (h *Heap) fillOf(a uint64, t *typeInfo) (used, capacity, entry uint64, ok bool) {
	switch t.kind {
	case kindDict:
		used, _ = h.view.u64(a + h.off.dict.used)
		p, _ := h.view.u64(a + h.off.dict.keys)
		values, _ := h.view.u64(a + h.off.dict.values)
		k, ok := h.keysTable(p)
		if !ok || values != 0 || !h.view.find(p).heap { // shared, or the static one of empty dicts
			return used, used, 0, ok
		}
		return used, k.capacity, k.stride, true
	case kindSet:
		used, _ = h.view.u64(a + h.off.seq.setUsed)
		mask, _ := h.view.u64(a + h.off.seq.setMask)
		return used, min(mask, h.size/8) + 1, h.off.seq.setEntry, true
	case kindList:
		n := h.items(a, t)
		capacity, _ = h.view.u64(a + h.off.seq.listAllocated)
		if items, _ := h.view.u64(a + h.off.seq.listItems); items == 0 || capacity > h.size/8 {
			capacity = n
		}
		return n, capacity, 8, true
	}
	return 0, 0, 0, false
}
