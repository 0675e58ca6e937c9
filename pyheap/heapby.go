package pyheap

import (
	"cmp"
	"path/filepath"
	"slices"
)

// HeapRow sums up the objects that have something in common.
type HeapRow struct {
	Name     string
	Type     Addr // where they have their type in common
	Objects  int
	Bytes    uint64
	Retained uint64 // what would be gone with all of them; 0 where that was not asked for
}

// HeapKeys are what [Sizes.By] takes.
var HeapKeys = []string{"type", "module", "root", "allocator"}

// By sums up all objects, by their exact type, by the module or the root that leads to them on a
// shortest path, or by where they lie; the largest first. With dominators, what each group keeps
// alive is told, too, but not by allocator.
func (s *Sizes) By(key string, d *Dominators) []HeapRow {
	w := s.w
	defer w.h.begin(w.h.walkLimit())()
	g := &grouper{s: s, ids: map[string]uint32{}}
	switch key {
	case "type":
		for _, t := range w.h.list {
			g.rows = append(g.rows, HeapRow{Type: Addr(t.addr)})
		}
		g.of = func(i int) uint32 { return w.nodes[i].typ }
	case "allocator":
		g.of = func(i int) uint32 { return g.id(w.placeOf(w.nodes[i].addr)) }
	default:
		g.inherit(key == "module")
	}
	for i := range w.nodes {
		n := &w.nodes[i]
		size, at := s.self[i], i
		if key == "allocator" {
			size = s.alone(i)
		}
		if n.isBlock() && key != "allocator" {
			if at = s.owner(i); at < 0 {
				if key == "type" {
					g.orphans.Bytes += size
					continue
				}
				at = i
			}
		}
		r := &g.rows[g.of(at)]
		r.Bytes += size
		if !n.isBlock() {
			r.Objects++
		}
	}
	if d != nil && key != "allocator" {
		g.retained(d)
	}
	if key == "type" {
		for i := range g.rows {
			if g.rows[i].Objects > 0 {
				g.rows[i].Name = w.h.nameOf(w.h.list[i])
			}
		}
		g.orphans.Name = "(memory that no object owns)"
		g.rows = append(g.rows, g.orphans)
	}
	out := slices.DeleteFunc(g.rows, func(r HeapRow) bool { return r.Objects == 0 && r.Bytes == 0 })
	slices.SortFunc(out, func(a, b HeapRow) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.Type, b.Type))
	})
	return out
}

// grouper puts objects into groups.
type grouper struct {
	s       *Sizes
	rows    []HeapRow
	ids     map[string]uint32
	of      func(i int) uint32 // the row of an object
	orphans HeapRow
}

func (g *grouper) id(name string) uint32 {
	id, ok := g.ids[name]
	if !ok {
		id = uint32(len(g.rows))
		g.ids[name] = id
		g.rows = append(g.rows, HeapRow{Name: name})
	}
	return id
}

// inherit gives each node the group of the node that it was reached from: that of the first module
// on the way, or of the root.
func (g *grouper) inherit(modules bool) {
	w := g.s.w
	group := make([]uint32, len(w.nodes))
	inModule := make([]bool, len(g.rows))
	byRoot := map[int32]uint32{}
	for i := range w.nodes {
		n := &w.nodes[i]
		if n.parent < 0 {
			id, ok := byRoot[n.parent]
			if !ok {
				id = g.id(w.rootGroup(&w.roots[-1-n.parent]))
				byRoot[n.parent] = id
			}
			group[i] = id
		} else {
			group[i] = group[n.parent]
		}
		for len(inModule) < len(g.rows) {
			inModule = append(inModule, false)
		}
		if modules && !n.isBlock() && w.h.list[n.typ].kind == kindModule && !inModule[group[i]] {
			if name, ok := w.h.moduleName(n.addr); ok {
				group[i] = g.id("module " + name)
				inModule = append(inModule, make([]bool, len(g.rows)-len(inModule))...)
				inModule[group[i]] = true
			}
		}
	}
	g.of = func(i int) uint32 { return group[i] }
}

// rootGroup names the root of a path, without what tells it from others of its kind.
func (w *Walk) rootGroup(r *root) string {
	switch r.kind {
	case rootFrame:
		return w.h.frameLabel(r.at)
	case rootStatic:
		if s := w.h.view.find(r.at); s != nil && s.path != "" {
			return "static data of " + filepath.Base(s.path)
		}
		return "static data"
	}
	return w.rootLabel(r)
}

// placeOf names the allocator or the file that memory belongs to.
func (w *Walk) placeOf(a uint64) string {
	h := w.h
	if h.alloc.arenaOf(a) != nil {
		return "pymalloc"
	}
	s := h.view.find(a)
	switch {
	case s == nil:
		return "unknown memory"
	case s.shared:
		return "shared mappings"
	case s.heap && a >= s.own && s.chunks != nil && a >= s.firstChunk && a < s.chained:
		return "malloc"
	case s.heap && a >= s.own:
		return "malloc, blocks mapped alone and arenas of threads"
	case s.path != "":
		return "data of " + filepath.Base(s.path)
	}
	return "other mapped memory"
}

// retained adds up what groups keep alive: of those of a group, the ones that no other of it
// dominates.
func (g *grouper) retained(d *Dominators) {
	within := make([]int32, len(g.rows))
	of := func(v uint32) (uint32, bool) {
		if _, ok := d.object(v); !ok {
			return 0, false
		}
		return g.of(d.node(v)), true
	}
	d.preorder(0, func(v uint32) {
		if id, ok := of(v); ok {
			if within[id]++; within[id] == 1 {
				g.rows[id].Retained += d.retained[v]
			}
		}
	}, func(v uint32) {
		if id, ok := of(v); ok {
			within[id]--
		}
	})
}
