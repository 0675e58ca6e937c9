package pyheap

import (
	"cmp"
	"slices"
)

// Fate is what would become of an object if it were moved to another address.
type Fate uint8

const (
	FateFree    Fate = iota // it can be moved: all pointers to it are known
	FateStatic              // it is part of the executable or a library, and moves with that
	FateRebuild             // it can be moved, but something in it depends on addresses and must be computed anew
	FateUnknown             // what it holds cannot be known without running code
	FatePinned              // something may point to it that may be no pointer, or that cannot be corrected
	numFates
)

var fateNames = [numFates]string{"free", "static", "rebuild", "unknown", "pinned"}

func (f Fate) String() string { return fateNames[f] }

// Movable says how much of a heap could be moved to other addresses, and what stands against it.
type Movable struct {
	Fates   [numFates]MovableCount
	Opaque  MovableCount      // blocks of memory whose type is not known; they cannot be moved
	Hashes  [HashNone + 1]int // objects by what their hash depends on
	Reasons []MovableReason   // for FateRebuild, FateUnknown and FatePinned, most bytes first

	ReorderedSets int // sets and frozensets whose order of iteration would change
	FileOrdered   int // free dicts and sets whose order depends on where the executable and libraries lie
	InlineCaches  int // code objects whose bytecode has caches with addresses, to be cleared (3.11 and later)

	IDs     []IDSuspect // ints that equal the address of an object: id() kept as a number
	IDCount int         // how many there are; IDs has the first of them
}

// MovableCount counts objects and their bytes.
type MovableCount struct {
	Objects int    `json:"objects"`
	Bytes   uint64 `json:"bytes"` // as Object.Size
}

// MovableReason sums up objects that share a fate and its reason.
type MovableReason struct {
	Fate Fate
	Why  string
	MovableCount
	Example Addr // one of the objects
}

// IDSuspect is an int that equals an address.
type IDSuspect struct {
	Int, Object Addr   // the int; the object at the address that is its value
	TypeName    string // of that object
}

const (
	maxIDSuspects = 100
	maxReasons    = 1 << 12 // kinds of reasons that are told apart
)

// Movable classifies every object. progress, if not nil, is called now and then with the number of objects done.
func (w *Walk) Movable(progress func(done, total uint64)) (_ *Movable, err error) {
	defer guard(&err)
	c := newClassifier(w)
	if err := c.findPins(); err != nil {
		return nil, err
	}
	if err := c.classify(progress); err != nil {
		return nil, err
	}
	c.findIDs()
	for _, r := range c.reasons {
		c.m.Reasons = append(c.m.Reasons, *r)
	}
	slices.SortFunc(c.m.Reasons, func(a, b MovableReason) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Why, b.Why))
	})
	return c.m, nil
}

type classifier struct {
	w       *Walk
	m       *Movable
	hash    *hasher
	pins    []uint16 // by node: 1 + index in why, of what pins it; 0: nothing
	why     []string
	reasons map[MovableReason]*MovableReason
	ctypes  map[*typeInfo]bool

	subclasses  uint64          // offset of tp_subclasses
	addressKeys map[uint64]bool // ints that are keys of such dicts
}

func newClassifier(w *Walk) *classifier {
	c := &classifier{w: w, m: &Movable{}, hash: newHasher(w.h), pins: make([]uint16, len(w.nodes)),
		reasons: map[MovableReason]*MovableReason{}, ctypes: map[*typeInfo]bool{}, addressKeys: map[uint64]bool{}, subclasses: absent}
	if f, err := w.h.lay.Field("PyTypeObject", "tp_subclasses"); err == nil {
		c.subclasses = f.Offset
	}
	return c
}

// classify decides on every node.
func (c *classifier) classify(progress func(done, total uint64)) error {
	h := c.w.h
	defer h.begin(4 * h.walkLimit())()
	for i := range c.w.nodes {
		if i%progressEvery == 0 && progress != nil {
			progress(uint64(i), uint64(len(c.w.nodes)))
		}
		n := &c.w.nodes[i]
		if n.isBlock() {
			if blockKind(n.typ) == blockOpaque {
				c.m.Opaque.add(n.size)
			}
			continue
		}
		t := h.list[n.typ]
		size := h.fullSize(n.addr, t)
		basis, _ := c.hash.of(n.addr)
		c.m.Hashes[basis]++
		if t.kind == kindCode && h.off.code.bytecode != absent {
			c.m.InlineCaches++
		}
		fate, why := c.fate(i, t)
		c.m.Fates[fate].add(size)
		if why != "" {
			c.reason(fate, why, n.addr, size)
		}
		if h.exhausted() {
			return &BudgetError{Nodes: len(c.w.nodes)}
		}
	}
	return nil
}

func (m *MovableCount) add(size uint64) { m.Objects++; m.Bytes += size }

func (c *classifier) reason(f Fate, why string, a, size uint64) {
	key := MovableReason{Fate: f, Why: why}
	r := c.reasons[key]
	if r == nil {
		if len(c.reasons) >= maxReasons {
			return
		}
		r = &MovableReason{Fate: f, Why: why, Example: Addr(a)}
		c.reasons[key] = r
	}
	r.add(size)
}

// fate decides on the object of node i.
func (c *classifier) fate(i int, t *typeInfo) (Fate, string) {
	h, a := c.w.h, c.w.nodes[i].addr
	switch {
	case h.isStatic(a):
		return FateStatic, ""
	case c.pins[i] != 0:
		return FatePinned, c.why[c.pins[i]-1]
	case t.kind == kindGeneric && !h.shapeOf(t).known:
		return FateUnknown, "the C struct of " + h.nameOf(t) + " is not known"
	}
	return c.content(a, t)
}

// findIDs finds ints that equal the address of an object on the heap.
func (c *classifier) findIDs() {
	c.w.EachValue(0, func(v Value) {
		if !v.IsInt || v.Int < 1<<16 || c.addressKeys[uint64(v.Addr)] {
			return
		}
		i, ok := c.w.exactly(uint64(v.Int))
		if !ok || c.w.nodes[i].isBlock() || c.w.h.isStatic(uint64(v.Int)) {
			return
		}
		if c.m.IDCount++; len(c.m.IDs) < maxIDSuspects {
			c.m.IDs = append(c.m.IDs, IDSuspect{v.Addr, Addr(v.Int), c.w.h.nameOf(c.w.h.list[c.w.nodes[i].typ])})
		}
	})
}
