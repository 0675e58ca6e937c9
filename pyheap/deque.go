package pyheap

// dequeOffsets describes collections.deque: a doubly linked list of blocks. Items that were popped
// leave their pointers behind in the blocks, so only those between the two indices count.
type dequeOffsets struct {
	left, right, leftIndex, rightIndex, size uint64
	blockRight, blockData, block             uint64
	items                                    uint64 // in a block
	ok                                       bool
}

func (h *Heap) dequeLayout(t *typeInfo) *dequeOffsets {
	if h.deques != nil {
		return h.deques
	}
	h.deques = &dequeOffsets{}
	for i := 0; !t.exact && t.base != nil && i < maxBaseDepth; i++ {
		t = t.base
	}
	lay, err := h.layoutOf(t, "dequeobject")
	if err != nil {
		return h.deques
	}
	r := &resolver{lay: lay}
	d := &dequeOffsets{
		left: r.must("dequeobject.leftblock"), right: r.must("dequeobject.rightblock"),
		leftIndex: r.must("dequeobject.leftindex"), rightIndex: r.must("dequeobject.rightindex"),
		blockRight: r.must("BLOCK.rightlink"),
		blockData:  r.must("BLOCK.data"), block: r.size("BLOCK"), size: r.size("dequeobject"),
	}
	if f, err := lay.Field("BLOCK", "data"); err == nil {
		d.items = f.Size / 8
	}
	d.ok = r.err() == nil && d.items > 0 && d.blockData+d.items*8 <= d.block
	h.deques = d
	return d
}

// visitDeque reads the items of a deque; everything when its layout is not known.
func (h *Heap) visitDeque(v visitor, a uint64, t *typeInfo) {
	d := h.dequeLayout(t)
	b, ok := h.view.bytes(a, min(d.size, t.basicsize))
	if !d.ok || !ok || d.size > t.basicsize {
		h.scanObject(v, a, t, h.off.objectSize, t.baseSize)
		return
	}
	at, last := le64(b, d.left), le64(b, d.right)
	i := le64(b, d.leftIndex)
	index := uint64(0)
	for n := uint64(0); n < h.size/d.block; n++ { // no more than fit into memory
		blk, ok := h.view.bytes(at, d.block)
		if !ok {
			return
		}
		h.work += d.block / 8
		v.block(blockItems, at, d.block)
		end := d.items - 1
		if at == last {
			end = le64(b, d.rightIndex)
		}
		for ; i <= end && i < d.items; i++ {
			if p := le64(blk, d.blockData+i*8); p != 0 {
				v.edge(edgeItem, p, index)
			}
			index++
		}
		if at == last {
			return
		}
		at, i = le64(blk, d.blockRight), 0
	}
}
