package pyheap

import "pyfreeze/procmem"

// Collector tells where the collector of the main interpreter keeps what an allocation changes.
type Collector struct {
	Enabled Addr // an int: whether it runs by itself
	Young   Addr // a PyGC_Head: the list of the youngest generation
	Count   Addr // an int: allocations since its last run
}

// collectorOffsets are from the start of _gc_runtime_state.
type collectorOffsets struct{ base, enabled, young, count uint64 }

// loadCollectorOffsets finds them. Source: Include/internal/pycore_gc.h, pycore_interp_structs.h
// (3.14, where those with an incremental collector have "young").
func loadCollectorOffsets(r *resolver) collectorOffsets {
	const gc = "_gc_runtime_state."
	o := collectorOffsets{
		base:    r.opt("PyInterpreterState.gc"), // 3.9 (bpo-36854)
		enabled: r.opt(gc + "enabled"), young: r.opt(gc + "generations"),
		count: r.opt("gc_generation.count"),
	}
	if o.base == absent {
		o.base = r.opt("_PyRuntimeState.gc") // 3.8
	}
	if o.young == absent {
		o.young = r.opt(gc + "young")
	}
	return o
}

// Collector returns the addresses, which hold for the life of the interpreter; false where this
// version keeps them otherwise: the list must lead back to its head.
func (s *StateReader) Collector(r procmem.Reader) (Collector, bool) {
	o := s.collector
	for _, off := range []uint64{o.base, o.enabled, o.young, o.count} {
		if off == absent {
			return Collector{}, false
		}
	}
	at := s.runtime
	if s.collectingInInterp {
		interp, err := readPtr(r, s.runtime+Addr(s.interpMain))
		if err != nil || interp == 0 {
			return Collector{}, false
		}
		at = interp
	}
	at += Addr(o.base)
	young := at + Addr(o.young)
	// Two low bits are flags (Include/internal/pycore_gc.h). The head itself may lie at a multiple
	// of 4 only: in 3.13.5 the generations are so aligned.
	next, err := readPtr(r, young)
	if err != nil {
		return Collector{}, false
	}
	const prevAt, flags = 8, 3
	if back, err := readPtr(r, next&^flags+prevAt); err != nil || back&^flags != young {
		return Collector{}, false
	}
	return Collector{at + Addr(o.enabled), young, young + Addr(o.count)}, true
}
