package pyheap

import (
	"cmp"
	"slices"
	"strings"
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

// content says whether what is in an object depends on addresses.
func (c *classifier) content(a uint64, t *typeInfo) (Fate, string) {
	h := c.w.h
	switch t.kind {
	case kindDict:
		return c.dict(a)
	case kindSet:
		items, err := h.SetItems(Addr(a), -1)
		if err != nil {
			return FateUnknown, "a set that cannot be read"
		}
		fate, why := c.keys(items, "a set")
		if fate == FateRebuild {
			c.m.ReorderedSets++
		}
		return fate, why
	case kindTuple: // 3.14 (gh-131525)
		if h.off.seq.tupleHash == absent {
			break
		}
		hash, _ := h.view.u64(a + h.off.seq.tupleHash)
		if b, _ := c.hash.of(a); hash != ^uint64(0) && b == HashAddress {
			return FateRebuild, "a tuple that has kept its hash"
		}
	case kindWeakref:
		hash, _ := h.view.u64(a + h.off.weakref.hash)
		if hash == ^uint64(0) {
			return FateFree, ""
		}
		switch b, why := c.hash.of(a); b {
		case HashAddress:
			return FateRebuild, "a weakref that has kept its hash"
		case HashUnknown:
			return FateUnknown, why
		}
	case kindGeneric:
		switch name := h.nameOf(t); name {
		case "_contextvars.ContextVar", "contextvars.ContextVar", "builtins.ContextVar":
			return FateRebuild, "a ContextVar keeps a hash of its address"
		case "builtins.hamt_bitmap_node", "builtins.hamt_array_node", "builtins.hamt_collision_node":
			return FateRebuild, "a context is a tree by hashes of ContextVars"
		case "functools._lru_list_elem":
			if p, ok := h.memberAttr(a, t, "key"); ok {
				return c.keys([]Addr{Addr(p)}, "an entry of a functools.lru_cache")
			}
		}
	}
	if c.hash.isPython(t) {
		if b, why := c.hash.of(a); b == HashUnknown && strings.HasSuffix(why, keptHash) {
			return FateUnknown, why
		}
	}
	return FateFree, ""
}

// dict looks at the keys, unless they can only be strings.
func (c *classifier) dict(a uint64) (Fate, string) {
	h := c.w.h
	p, _ := h.view.u64(a + h.off.dict.keys)
	k, ok := h.keysTable(p)
	if !ok {
		return FateUnknown, "a dict that cannot be read"
	}
	if k.hash == absent || k.n == 0 {
		return FateFree, ""
	}
	if c.isSubclasses(&k) {
		return FateRebuild, "tp_subclasses, a dict with addresses for keys"
	}
	var keys []Addr
	h.work += 3 * k.n
	for i := range k.n {
		if key := le64(k.entries, i*k.stride+k.key); key != 0 {
			keys = append(keys, Addr(key))
		}
	}
	return c.keys(keys, "a dict")
}

// isSubclasses says whether a dict is the tp_subclasses of a type: its keys are the addresses of what its values,
// weakrefs, refer to.
func (c *classifier) isSubclasses(k *keysTable) bool {
	h := c.w.h
	var keys []uint64
	for i := range k.n {
		key, value := le64(k.entries, i*k.stride+k.key), le64(k.entries, i*k.stride+k.value)
		if key == 0 || value == 0 {
			continue
		}
		v, err := h.Int(Addr(key))
		if err != nil {
			return false
		}
		if t, err := h.typeOf(value); err != nil || t.kind != kindWeakref {
			return false
		}
		if p, _ := h.view.u64(value + h.off.weakref.object); p != uint64(v) && !c.hash.isNone(p) {
			return false
		}
		keys = append(keys, key)
	}
	for _, key := range keys {
		c.addressKeys[key] = true
	}
	return len(keys) > 0
}

// keys decides on a container by the hashes of its keys.
func (c *classifier) keys(keys []Addr, what string) (Fate, string) {
	fate, why, fixed := FateFree, "", false
	for _, key := range keys {
		switch b, unknown := c.hash.of(uint64(key)); b {
		case HashAddress:
			if fate == FateFree {
				t, _ := c.w.h.TypeName(key)
				fate, why = FateRebuild, what+" with keys hashed by address: "+t
			}
		case HashFixed:
			fixed = true
		case HashUnknown:
			return FateUnknown, what + " whose order cannot be known: " + unknown
		}
	}
	if fixed && fate == FateFree {
		c.m.FileOrdered++
	}
	return fate, why
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
