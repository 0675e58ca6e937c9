package pyheap

import "fmt"

// flaw says what is wrong with the object at a, whose type is t; "" for a sound one. What it checks holds for
// every object that an interpreter is not at work on.
func (h *Heap) flaw(a uint64, t *typeInfo) string {
	s := h.view.find(a)
	if s == nil {
		return "is not in known memory"
	}
	if w := h.badLength(a, t); w != "" {
		return w
	}
	if t.flags&flagException != 0 && h.inFile(s, a) {
		return "is an exception in static data, where none is made" // but a PyType_Slot with its type may look like one
	}
	before, size := h.extent(s, a, t)
	if size > s.end-a {
		return fmt.Sprintf("has %d bytes, more than the memory that it lies in", size)
	}
	start, room, live, inArena := h.alloc.block(a)
	switch {
	case inArena && !live:
		return "lies in freed memory"
	case inArena && start != a-before && !h.isStaticType(a, t):
		return fmt.Sprintf("does not begin where its block does, at %#x", start)
	case inArena && a+size > start+room:
		return fmt.Sprintf("has %d bytes, more than its block of %d", before+size, room)
	case !inArena && !h.inFile(s, a):
		chunk := s.userStart(s.blockAround(a))
		room, live := h.view.mallocBlock(s, chunk)
		if !live && s.inChain(a) {
			return "lies in freed memory"
		}
		if end := a + size; live && chunk != 0 && end > chunk+room {
			return fmt.Sprintf("ends %d bytes behind its block of %d", end-chunk-room, room)
		}
	}
	return h.badParts(a, t)
}

// fewItems can be read whatever they are: a container that claims to have no more is not checked before it is visited.
const fewItems = 8

// readable says whether the object at a may be visited: what a damaged length makes of other memory is not read.
func (h *Heap) readable(a uint64, t *typeInfo) bool {
	switch t.kind {
	case kindTuple, kindGeneric:
		return h.items(a, t) <= fewItems || h.flaw(a, t) == ""
	case kindList:
		n, ok := h.view.u64(a + h.off.obSize)
		return ok && n <= fewItems || h.flaw(a, t) == ""
	case kindSet:
		mask, ok := h.view.u64(a + h.off.seq.setMask)
		return ok && mask < fewItems || h.flaw(a, t) == ""
	}
	return true
}

// extent gives how many bytes the object at a in s takes before its address and from it on. Static objects have no GC head,
// and static types are shorter than those that their basicsize tells of.
func (h *Heap) extent(s *seg, a uint64, t *typeInfo) (before, size uint64) {
	if h.isStaticType(a, t) { // numpy has an array of them in a block of malloc
		return 0, h.off.typ.size
	}
	if !h.inFile(s, a) {
		size = h.ownSize(a, t)
		return h.before(t), size - min(size, shorter[h.nameOf(t)])
	}
	if _, n, _ := h.intDigits(a); t.kind == kindInt { // bool claims room for a digit more
		return 0, h.off.seq.intDigits + n*4
	}
	return 0, h.ownSize(a, t)
}

// isStaticType says whether the object at a is a type that no class statement made: it has no GC
// head, and nothing behind its PyTypeObject is known.
func (h *Heap) isStaticType(a uint64, t *typeInfo) bool {
	if t.kind != kindType {
		return false
	}
	f, ok := h.view.u64(a + h.off.typ.flags)
	return ok && f&flagHeapType == 0
}

// shorter are types some of whose objects are so many bytes shorter than their basicsize says: those without a tzinfo
// (Modules/_datetimemodule.c, time_alloc and datetime_alloc).
var shorter = map[string]uint64{"datetime.time": 8, "datetime.datetime": 8}

// inFile says whether a, which lies in s, is part of a loaded file. Memory that follows a .bss may be anything.
func (h *Heap) inFile(s *seg, a uint64) bool {
	if s.heap && s.fileEnd == s.end || h.alloc.arenaOf(a) != nil {
		return false
	}
	_, ok := h.moduleOf(a)
	return ok || a < s.fileEnd
}

// maxItems is more items than fit into any memory.
const maxItems = 1 << 44

// badLength says whether ob_size, or what stands for it, cannot be a length. Ints keep their sign there.
func (h *Heap) badLength(a uint64, t *typeInfo) string {
	switch t.kind {
	case kindInt, kindType:
		return ""
	case kindStr:
		if _, ok := h.strParts(a); !ok {
			return "has a length or kind that no str has"
		}
		return ""
	case kindList, kindTuple, kindBytes, kindByteArray, kindArray, kindDeque:
	default:
		return ""
	}
	if n, ok := h.view.u64(a + h.off.obSize); ok && n > maxItems {
		return fmt.Sprintf("has an ob_size of %d", int64(n))
	}
	return ""
}

// badParts checks the blocks that a container keeps its items in.
func (h *Heap) badParts(a uint64, t *typeInfo) string {
	switch t.kind {
	case kindList:
		n, _ := h.view.u64(a + h.off.obSize)
		items, _ := h.view.u64(a + h.off.seq.listItems)
		allocated, _ := h.view.u64(a + h.off.seq.listAllocated)
		switch {
		case items == 0 && n != 0 && allocated != ^uint64(0): // while it is sorted it has no items and -1 of them allocated
			return fmt.Sprintf("has an ob_size of %d, but no items", n)
		case items != 0 && (n > allocated || allocated > maxItems):
			return fmt.Sprintf("has an ob_size of %d and room for %d", n, int64(allocated))
		case items != 0 && !h.holds(items, allocated*8):
			return fmt.Sprintf("has room for %d items in memory that is smaller or free", allocated)
		}
	case kindDict:
		keys, _ := h.view.u64(a + h.off.dict.keys)
		if _, ok := h.keysTable(keys); !ok {
			return "has a table of keys that is none"
		}
	case kindSet:
		mask, _ := h.view.u64(a + h.off.seq.setMask)
		used, _ := h.view.u64(a + h.off.seq.setUsed)
		table, _ := h.view.u64(a + h.off.seq.setTable)
		if mask&(mask+1) != 0 || used > mask || mask > maxItems {
			return fmt.Sprintf("has %d members in a table of %d", used, mask+1)
		}
		if table != a+h.off.seq.setSmall && !h.holds(table, (mask+1)*h.off.seq.setEntry) {
			return fmt.Sprintf("has a table of %d entries in memory that is smaller or free", mask+1)
		}
	}
	return ""
}

// holds says whether memory at a may hold a block of size bytes.
func (h *Heap) holds(a, size uint64) bool {
	s := h.view.find(a)
	if s == nil || a&7 != 0 || size > s.end-a {
		return false
	}
	start, room, live, inArena := h.alloc.block(a)
	if inArena {
		return live && start == a && size <= room
	}
	if room, live := h.view.mallocBlock(s, a); live {
		return size <= room
	}
	return true // memory of a kind that is not known
}
