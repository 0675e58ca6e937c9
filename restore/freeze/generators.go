package freeze

import "pyfreeze/pyheap"

// Generator is a source of random numbers that a thaw has from the frozen process.
type Generator struct {
	Path string `json:"path"`
	Type string `json:"type,omitempty"` // "" for one that is no object of Python
	// Fresh says that no two thaws draw the same from it.
	Fresh bool   `json:"fresh"`
	Why   string `json:"why"` // it is so
}

// Where modules keep one of their own (Lib/random.py, Lib/tempfile.py, numpy/random/mtrand.pyx).
const (
	ownRandom = "random._inst"
	ownNames  = "tempfile._name_sequence._rng"
	ownNumpy  = "numpy.random.mtrand._rand"
)

// bitGenerators are what numpy's generators draw from; the old RandomState has one of them.
const bitGenerators = "numpy.random.bit_generator.BitGenerator"

// listGenerators tells what becomes of each generator.
func (f *freezing) listGenerators() []Generator {
	out := []Generator{}
	add := func(o pyheap.Object, fresh bool, why string) {
		out = append(out, Generator{f.walk.Path(o.Addr), o.TypeName, fresh, why})
	}
	// Which are which: the program may have made any number.
	system, anew, numpy := map[pyheap.Addr]bool{}, map[pyheap.Addr]bool{}, map[pyheap.Addr]bool{}
	for _, o := range f.walk.OfType("random.SystemRandom") {
		system[o.Addr] = true
	}
	for _, a := range f.generators {
		anew[pyheap.Addr(a)] = true
	}
	module, _ := f.heap.Lookup(ownRandom) // 0 where there is none, as below
	names, _ := f.heap.Lookup(ownNames)
	old, _ := f.heap.Lookup(ownNumpy)
	for _, r := range f.heap.Edges(old) {
		numpy[r.Object] = true
	}
	for _, o := range f.walk.OfType(twister) {
		switch {
		case system[o.Addr]:
			add(o, true, "asks the system each time")
		case anew[o.Addr]:
			add(o, true, "seeded anew, as it was by the system")
		case o.Addr == module && f.seeded == nil:
			add(o, true, "seeded anew, as in the child of a fork")
		case o.Addr == names:
			add(o, true, "made anew, as in the child of a fork")
		case f.o.Reads == nil:
			add(o, false, "as it was; who seeded it is not known")
		default:
			add(o, false, "as it was: the program has seeded it")
		}
	}
	for _, o := range f.walk.OfType(bitGenerators) {
		if numpy[o.Addr] {
			add(o, true, "seeded anew, unless the program had just done so with a number")
		} else {
			add(o, false, "as it was: the program has seeded it")
		}
	}
	if f.walk.HasType("_ssl._SSLContext") {
		out = append(out, Generator{Path: "OpenSSL, by the module ssl", Fresh: true,
			Why: "the system's randomness is added"})
	}
	return append(out, Generator{Path: "hash() of text", Why: "as it was: sets are in their order"})
}
