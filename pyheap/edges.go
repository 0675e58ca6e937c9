package pyheap

// edgeKind says how one object refers to another. The meaning of an edge's argument follows it.
type edgeKind uint8

const (
	edgeType     edgeKind = iota // ob_type
	edgeField                    // pointer at that offset, known to be to an object
	edgeDeclared                 // pointer at that offset, declared to be to an object; it may be stale
	edgeWord                     // word at that offset, which may be a pointer
	edgeItem                     // item of that index
	edgeKey                      // key of a dict; index of the entry
	edgeValue                    // value of a dict; address of its key
	edgeAttr                     // inline attribute value; address of its name
	edgeMember                   // member of a set; index of the entry
	edgeDict                     // the instance's __dict__
	edgeLocal                    // local variable of that index in a frame
	edgeStack                    // stack slot of that index in a frame, which may hold rubbish
	edgeFrame                    // field of an interpreter frame at that offset
)

// weak says that the word may be no reference at all: it is followed only to a live object.
func (k edgeKind) weak() bool { return k == edgeWord || k == edgeStack || k == edgeDeclared }

// guess says that nothing but its looks makes the word a pointer.
func (k edgeKind) guess() bool { return k == edgeWord }

// blockKind says what a block that is no object holds. It is also the index of its pseudo type.
type blockKind uint32

const (
	blockOpaque blockKind = iota // not known: read conservatively
	blockItems                   // pointers
	blockKeys                    // a PyDictKeysObject
	blockValues                  // values of a split dict or inline values
	blockTable                   // entries of a set
	blockData                    // no pointers
	blockState                   // a PyThreadState or PyInterpreterState: read apart
	blockFree                    // freed, but kept in a free list
	numBlockKinds
)

// planBlock is the kind of blocks that hold structs of a plan.
func planBlock(p *plan) blockKind { return blockKind(p.index) | planBit }

// planBit sets the blocks of structs apart from the others.
const planBit blockKind = 1 << 31

var blockTypeNames = [numBlockKinds]string{"<memory>", "<items>", "<dict keys>", "<values>", "<set table>", "<data>", "<interpreter state>", "<free list>"}

// visitor receives what an object refers to.
type visitor interface {
	// edge is a reference to an object; for weak kinds, perhaps.
	edge(k edgeKind, to, arg uint64)
	// block is memory that the object owns and that is read with it.
	block(k blockKind, at, size uint64)
	// wantType says whether the edge to the type is of interest.
	wantType(t *typeInfo) bool
}

// scan passes on every word of b, the bytes at offset from of an object, that may be a pointer, but
// for those at the offsets in skip, which are sorted.
func (h *Heap) scan(v visitor, b []byte, from uint64, skip []uint64) {
	lo, span := h.view.lo, h.view.hi-h.view.lo
	h.work += uint64(len(b)) / 8
	for i := uint64(0); i+8 <= uint64(len(b)); i += 8 {
		w := le64(b, i)
		if w-lo >= span || w&7 != 0 {
			continue
		}
		for len(skip) > 0 && skip[0] < from+i {
			skip = skip[1:]
		}
		if len(skip) == 0 || skip[0] != from+i {
			v.edge(edgeWord, w, from+i)
		}
	}
}

// scanRange scans the bytes [from, to) of the object at a, but for the words at skip.
func (h *Heap) scanRange(v visitor, a, from, to uint64, skip []uint64) {
	from = (from + 7) &^ 7
	if from < to {
		h.scan(v, h.view.clip(a+from, to-from), from, skip)
	}
}

// edges passes on n pointers to objects at a.
func (h *Heap) edges(v visitor, k edgeKind, a, n uint64) {
	b := h.array(a, n)
	h.work += uint64(len(b)) / 8
	for i := uint64(0); i < uint64(len(b))/8; i++ {
		if p := le64(b, i*8); p != 0 {
			v.edge(k, p, i)
		}
	}
}

// field passes on the pointer at that offset of the object at a.
func (h *Heap) field(v visitor, a, off uint64) {
	if p, ok := h.view.u64(a + off); ok && p != 0 {
		v.edge(edgeField, p, off)
	}
}
