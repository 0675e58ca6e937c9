package pyheap

import "slices"

// WalkOptions tune a walk.
type WalkOptions struct {
	Progress func(n int) // called now and then with the number of objects and blocks found; may be nil
	// Stacks are the stack pointers of the threads. What lies below that of the main thread is left over from
	// calls that returned, and is not read; without it, its whole stack is.
	Stacks []Addr
}

// Reach says from where an object was reached. Memory whose type is not known (an extension's own
// structs) is read last, since what it still holds of an earlier owner looks like references, too: an
// object that a frame refers to is not taken for a module's because of such a word.
type Reach uint8

const (
	ReachRoots  Reach = iota // modules, the interpreter's state, static data of libraries
	ReachFrames              // nothing but frames and exception states of threads
	ReachGuess               // the roots, but only through memory whose type is not known
	ReachGC                  // nothing but the collector's lists: garbage, or held by the C stack
)

// phase is a part of the walk.
type phase int

const (
	phaseRoots phase = iota
	phaseFrames
	phaseGuessRoots  // memory of unknown type that phaseRoots came upon
	phaseGuessFrames // that phaseFrames did
	phaseGC
	numPhases
)

var reachOf = [numPhases]Reach{ReachRoots, ReachFrames, ReachGuess, ReachFrames, ReachGC}

// Walk is the result of a typed walk: an index of all objects and of the blocks that they own. It
// refers to the Heap, and like it must not be used by several goroutines at a time.
type Walk struct {
	h     *Heap
	nodes []node
	roots []root
	order []uint32 // node numbers in the order of addresses
	marks *marks

	// held are the objects that roots refer to and that something else led to before.
	held []uint64

	starts [numPhases]int // first node of each phase
	// fromStack is the first node that only a C stack leads to.
	fromStack int
	opaque    []uint32          // blocks of unknown type that wait for their phase
	waiting   map[uint64]uint32 // those by address
	wait      bool              // let them wait
	objects   int

	next    int // the node to visit next
	parent  int32
	root    root
	seen    []bool // by type: the edge to it was followed
	opt     WalkOptions
	tstates []Thread

	tstateSize uint64
	problems   problems
	stale      [][2]uint64 // free lists and caches in static data
	skip       [][2]uint64 // those and thread states, sorted: ranges that keep nothing alive
}

// node is an object, or a block that one owns.
type node struct {
	addr   uint64
	size   uint64 // of a block; 0 for an object, whose size is computed when asked for
	typ    uint32 // index in Heap.list; below numBlockKinds for a block
	parent int32  // number of the node that it was reached from; -1-i for root i
}

func (n *node) isBlock() bool { return n.typ < uint32(numBlockKinds) || n.typ&uint32(planBit) != 0 }

// planOf gives the plan of the structs in a block, nil of other nodes.
func (w *Walk) planOf(n *node) *plan {
	if n.typ&uint32(planBit) == 0 {
		return nil
	}
	return w.h.plans[n.typ&^uint32(planBit)]
}

const progressEvery = 1 << 16

// Walk finds every object, in the order of the phases. A heap that is damaged in
// places gives the objects that can be read; one that cannot be read in any
// sensible time gives a *BudgetError.
func (h *Heap) Walk(opt WalkOptions) (_ *Walk, err error) {
	defer guard(&err)
	threads, err := h.Threads()
	if err != nil {
		return nil, err
	}
	defer h.begin(h.walkLimit())()
	h.work, h.limit = 0, h.walkLimit()
	w := &Walk{h: h, opt: opt, marks: newMarks(h.view), waiting: map[uint64]uint32{}, tstates: threads, nodes: make([]node, 0, h.expectedNodes())}
	for p, walk := range [numPhases]func() error{w.walkRoots, w.walkFrames, w.walkOpaqueOfRoots, w.walkOpaque, w.walkGC} {
		w.starts[p], w.wait = len(w.nodes), phase(p) < phaseGuessRoots
		if err := walk(); err != nil {
			return nil, err
		}
	}
	w.finish()
	return w, nil
}

// expectedNodes is about how many objects and blocks a walk finds: one for each block that an allocator handed out, and some in
// static data. Growing a slice of them would take twice the memory for a while.
func (h *Heap) expectedNodes() int {
	n := 0
	h.eachLive(func(uint64, uint64) { n++ })
	return n + n/50 + 1<<14
}

// drain visits the nodes found and not visited yet, breadth first, so that paths are short.
func (w *Walk) drain() error {
	for w.next < len(w.nodes) {
		n := w.nodes[w.next]
		w.parent = int32(w.next)
		w.next++
		switch {
		case !n.isBlock():
			if t := w.h.list[n.typ]; w.h.readable(n.addr, t) {
				w.h.visit(w, n.addr, t)
			}
		case n.typ&uint32(planBit) != 0:
			w.h.visitPlan(w, n.addr, n.size, w.planOf(&n))
		case blockKind(n.typ) != blockOpaque:
		case w.wait:
			w.opaque = append(w.opaque, uint32(w.next-1))
			w.waiting[n.addr] = uint32(w.next - 1)
		default:
			w.h.scan(w, w.h.view.clip(n.addr, n.size), 0, nil)
		}
		if w.h.exhausted() {
			return &BudgetError{len(w.nodes), w.problems.list}
		}
		if w.next%progressEvery == 0 && w.opt.Progress != nil {
			w.opt.Progress(w.next)
		}
	}
	return nil
}

// walkOpaqueOfRoots reads the memory of unknown type that the roots reach.
func (w *Walk) walkOpaqueOfRoots() error {
	n, _ := slices.BinarySearch(w.opaque, uint32(w.starts[phaseFrames]))
	mine := w.opaque[:n]
	w.opaque = w.opaque[n:]
	return w.scanOpaque(mine)
}

// walkOpaque reads the rest of it.
func (w *Walk) walkOpaque() error { return w.scanOpaque(w.opaque) }

func (w *Walk) scanOpaque(blocks []uint32) error {
	for _, i := range blocks {
		if blockKind(w.nodes[i].typ) != blockOpaque {
			continue // its type became known
		}
		delete(w.waiting, w.nodes[i].addr)
		w.parent = int32(i)
		w.h.scan(w, w.h.view.clip(w.nodes[i].addr, w.nodes[i].size), 0, nil)
		if w.h.exhausted() {
			return &BudgetError{len(w.nodes), w.problems.list}
		}
	}
	return w.drain()
}

func (w *Walk) wantType(t *typeInfo) bool {
	for int(t.index) >= len(w.seen) {
		w.seen = append(w.seen, make([]bool, 256)...)
	}
	first := !w.seen[t.index]
	w.seen[t.index] = true
	return first
}

// edge notes the object at to, unless it is known already or is no object.
func (w *Walk) edge(k edgeKind, to, arg uint64) {
	s := w.h.view.find(to)
	if s == nil || to&7 != 0 || s.end-to < 16 {
		if !k.weak() {
			w.dangles(to)
		}
		return
	}
	if w.marks.has(s, to) {
		if w.parent < 0 && w.root.holds() {
			w.held = append(w.held, to)
		}
		return
	}
	if k.weak() {
		w.guess(s, k, to, arg)
		return
	}
	if t := w.h.objectIn(s, to); t != nil {
		w.add(s, k, arg, node{addr: to, typ: t.index})
	} else {
		w.dangles(to)
	}
}

// guess follows a word that may be a pointer: to an object, or to a block whose contents are not
// known and that is read in the same way.
func (w *Walk) guess(s *seg, k edgeKind, to, arg uint64) {
	start, size, live, inArena := w.h.alloc.block(to)
	if inArena {
		if !live {
			return
		}
		if t := w.h.objectIn(s, to); t != nil && to-w.h.before(t) == start && w.h.flaw(to, t) == "" {
			w.add(s, k, arg, node{addr: to, typ: t.index})
			return
		}
	} else {
		if t := w.h.objectIn(s, to); t != nil && w.h.flaw(to, t) == "" {
			w.add(s, k, arg, node{addr: to, typ: t.index})
			return
		}
		if start = s.blockAround(to); start == 0 || !k.guess() {
			return
		}
		start = s.userStart(start)
		if size, live = w.h.view.mallocBlock(s, start); !live {
			return
		}
	}
	if !k.guess() || w.marks.has(s, start) || w.h.holdsObject(s, start, size) {
		return // a pointer into an object, or to its GC head, keeps nothing alive
	}
	w.add(s, k, arg, node{addr: start, size: size, typ: uint32(blockOpaque)})
}

// block notes memory that the object being visited owns.
func (w *Walk) block(k blockKind, at, size uint64) {
	s := w.h.view.find(at)
	if s == nil || at&7 != 0 {
		return
	}
	if w.marks.has(s, at) {
		w.typed(k, at)
		return
	}
	w.add(s, edgeWord, 0, node{addr: at, size: min(size, s.end-at), typ: uint32(k)})
}

// typed gives a block that waits to be read as one of unknown type the type that was learned since.
func (w *Walk) typed(k blockKind, at uint64) {
	i, ok := w.waiting[at]
	if !ok || k == blockOpaque {
		return
	}
	delete(w.waiting, at)
	w.nodes[i].typ = uint32(k)
	if p := w.planOf(&w.nodes[i]); p != nil {
		defer func(parent int32) { w.parent = parent }(w.parent)
		w.parent = int32(i)
		w.h.visitPlan(w, at, w.nodes[i].size, p)
	}
}

func (w *Walk) add(s *seg, k edgeKind, arg uint64, n node) {
	w.marks.set(s, n.addr)
	n.parent = w.parent
	if w.parent < 0 {
		r := w.root
		r.edge, r.arg = k, arg
		w.roots = append(w.roots, r)
		n.parent = -int32(len(w.roots))
	}
	w.nodes = append(w.nodes, n)
	if !n.isBlock() {
		w.objects++
	}
}

// objectIn gives the type of the live object at a in s, nil if there is none.
func (h *Heap) objectIn(s *seg, a uint64) *typeInfo {
	if s.end-a < 16 {
		return nil
	}
	refs := s.word(a)
	// Freeing leaves 0, or a free list's pointer, in place of the count. The bits above it are flags
	// in 3.14.
	if refs == 0 || refs>>40 != 0 && !h.atLeast(14) || uint32(refs) == 0 {
		return nil
	}
	return h.typeAt(s.word(a + h.off.obType))
}

// maxHeld is a count of references that few objects reach, and below which nothing is mapped.
const maxHeld = 1 << 16

// holdsObject says whether an object lies at the start of the block, behind what may precede one; one
// that was freed, and is kept for reuse, counts too.
func (h *Heap) holdsObject(s *seg, start, size uint64) bool {
	for before := uint64(0); before <= 32 && before+16 <= size; before += 16 {
		a := start + before
		if s.end-a < 16 {
			return false
		}
		// A count that is an address is none: it is one of a struct's pointers.
		if refs := s.word(a); !h.atLeast(14) && (refs>>40 != 0 || refs > maxHeld && h.view.find(refs) != nil) {
			continue
		}
		if t := h.typeAt(s.word(a + h.off.obType)); t != nil && h.before(t) == before {
			return true
		}
	}
	return false
}

// finish sorts the nodes by address.
func (w *Walk) finish() {
	w.order = make([]uint32, w.marks.finish())
	for i := range w.nodes {
		a := w.nodes[i].addr
		if r, ok := w.marks.before(w.h.view.find(a), a); ok {
			w.order[r] = uint32(i)
		}
	}
	w.seen, w.skip, w.stale, w.opaque, w.waiting = nil, nil, nil, nil, nil
}
