package pyheap

import "fmt"

// Usage is what an allocator has handed out.
type Usage struct {
	Blocks int    `json:"blocks"`
	Bytes  uint64 `json:"bytes"`
}

// AllocatorUsage gives the live blocks of pymalloc and of libc's malloc, as far as they are known.
func (h *Heap) AllocatorUsage() (pymalloc, malloc Usage) {
	h.eachLive(func(at, size uint64) {
		u := &malloc
		if h.alloc.arenaOf(at) != nil {
			u = &pymalloc
		}
		u.Blocks++
		u.Bytes += size
	})
	return pymalloc, malloc
}

// GC is the state of the garbage collector of the main interpreter.
type GC struct {
	Enabled     bool         `json:"enabled"`
	Collecting  bool         `json:"collecting"`
	Generations []Generation `json:"generations"` // youngest first
}

// Generation is what decides when a generation is collected.
type Generation struct {
	Count     int64 `json:"count"` // since it was collected last; what gc.get_count() says
	Threshold int64 `json:"threshold"`
}

// GC reads the state of the collector. What this version does not have is left out.
func (h *Heap) GC() GC {
	base, typ := h.main, "PyInterpreterState"
	if !h.lay.Has(typ, "gc") { // 3.8 has one collector for all interpreters (bpo-36854)
		base, typ = h.runtime, "_PyRuntimeState"
	}
	read := func(path string) (int64, bool) {
		f, err := h.lay.Field(typ, path)
		if err != nil || f.Size != 4 {
			return 0, false
		}
		v, ok := h.view.u32(base + f.Offset)
		return int64(int32(v)), ok
	}
	var g GC
	enabled, _ := read("gc.enabled")
	collecting, _ := read("gc.collecting")
	g.Enabled, g.Collecting = enabled != 0, collecting != 0
	var names []string
	if h.lay.Has(typ, "gc.young") { // 3.14 (gh-108362)
		names = []string{"gc.young", "gc.old[0]", "gc.old[1]"}
	} else {
		for i := range 3 {
			names = append(names, fmt.Sprintf("gc.generations[%d]", i))
		}
	}
	for _, n := range names {
		count, ok := read(n + ".count")
		threshold, _ := read(n + ".threshold")
		if ok {
			g.Generations = append(g.Generations, Generation{count, threshold})
		}
	}
	return g
}
