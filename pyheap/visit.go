package pyheap

// visit passes on everything that the object at a, of type t, refers to and owns. Borrowed
// references do not count: not those of weakrefs, nor the lists that weakrefs are kept in.
func (h *Heap) visit(v visitor, a uint64, t *typeInfo) {
	if v.wantType(t) {
		v.edge(edgeType, t.addr, h.off.obType)
	}
	if t.flags&flagManagedDict != 0 {
		h.visitManaged(v, a, t)
	}
	if t.exact && t.kind <= kindFloat && t.kind >= kindBytes && t.kind != kindByteArray {
		return // bytes, int, float: the most frequent after str
	}
	tail := t.baseSize // what a subclass adds begins here
	n := h.items(a, t)
	switch t.kind {
	case kindGeneric:
		h.scanObject(v, a, t, h.off.objectSize, h.ownSize(a, t))
		return
	case kindAtom:
		return
	case kindType:
		h.visitType(v, a, t)
		return
	case kindStr:
		h.visitStr(v, a)
	case kindBytes, kindInt:
		tail += n * t.itemsize
	case kindByteArray:
		if h.off.seq.baObject != absent {
			h.field(v, a, h.off.seq.baObject)
			break
		}
		h.visitBuffer(v, a, h.off.seq.baBytes, h.off.seq.baAlloc, 1)
	case kindArray:
		h.visitArray(v, a, t)
	case kindDeque:
		h.visitDeque(v, a, t)
	case kindMmap:
		h.scanObject(v, a, t, h.off.objectSize, t.baseSize)
		h.visitMmap(v, a, t)
	case kindList:
		h.visitList(v, a, n)
	case kindTuple:
		h.edges(v, edgeItem, a+h.off.seq.tupleItems, n+t.hidden)
		tail += (n + t.hidden) * 8
	case kindDict:
		h.visitDict(v, a)
	case kindSet:
		h.visitSet(v, a)
	case kindCode:
		h.visitCode(v, a, t)
		return
	case kindFrame:
		h.visitFrameObject(v, a)
		return
	case kindGen:
		h.visitGen(v, a, t)
		return
	case kindModule:
		h.field(v, a, h.off.module.dict)
		h.visitModuleState(v, a)
		h.scanObject(v, a, t, h.off.module.dict+8, h.off.module.state)
		h.scanObject(v, a, t, h.off.module.state+8, t.basicsize)
		return
	case kindWeakref:
		h.field(v, a, h.off.weakref.callback)
	}
	if !t.exact {
		h.scanObject(v, a, t, tail, h.ownSize(a, t))
	}
}

func (h *Heap) visitType(v visitor, a uint64, meta *typeInfo) {
	o := &h.off.typ
	if f, _ := h.view.u64(a + o.flags); f&flagHeapType == 0 {
		h.scanObject(v, a, meta, h.off.varSize, o.size)
		return
	}
	h.scanObject(v, a, meta, h.off.varSize, h.ownSize(a, meta))
	p, _ := h.view.u64(a + o.htKeys)
	if k, ok := h.keysTable(p); ok {
		v.block(blockKeys, p, k.size)
		h.visitKeys(v, &k, false)
	}
}

func (h *Heap) visitStr(v visitor, a uint64) {
	p, ok := h.strParts(a)
	if !ok {
		return
	}
	if !p.inline && p.data != 0 {
		v.block(blockData, p.data, p.size)
	}
	if p.utf8 != 0 {
		v.block(blockData, p.utf8, p.nutf8)
	}
	if p.wstr != 0 {
		v.block(blockData, p.wstr, p.nwstr)
	}
}

// visitBuffer notes a buffer of data: its address and its length in items are at those offsets.
func (h *Heap) visitBuffer(v visitor, a, at, length, itemsize uint64) {
	p, ok := h.view.u64(a + at)
	n, ok2 := h.view.u64(a + length)
	if ok && ok2 && p != 0 && n <= h.view.hi {
		v.block(blockData, p, n*itemsize)
	}
}

// visitArray notes the items of an array.array; its descr knows their size.
func (h *Heap) visitArray(v visitor, a uint64, t *typeInfo) {
	o := h.arrayOffsets(t)
	if o.err != nil {
		return
	}
	d, _ := h.view.u64(a + o.descr)
	size, ok := h.view.u32(d + o.itemsize)
	if ok && size <= 64 {
		h.visitBuffer(v, a, o.item, o.allocated, uint64(size))
	}
}

// arrayOffsets gives the layout of array.array, from the file that t or the base that it comes from is
// defined in. Without it the items of arrays are not known to be data.
func (h *Heap) arrayOffsets(t *typeInfo) *arrayOffsets {
	if h.arrays == nil {
		for i := 0; !t.exact && t.base != nil && i < maxBaseDepth; i++ {
			t = t.base
		}
		lay, err := h.layoutOf(t, "arrayobject")
		if err != nil {
			h.arrays = &arrayOffsets{err: err}
		} else {
			h.arrays = loadArrayOffsets(lay)
		}
	}
	return h.arrays
}

func (h *Heap) visitList(v visitor, a, n uint64) {
	b, ok := h.view.bytes(a, h.off.seq.listAllocated+8)
	if !ok {
		return
	}
	items, allocated := le64(b, h.off.seq.listItems), le64(b, h.off.seq.listAllocated)
	if items == 0 {
		return
	}
	if allocated < 1<<40 {
		v.block(blockItems, items, allocated*8)
	}
	h.edges(v, edgeItem, items, n)
}

func (h *Heap) visitSet(v visitor, a uint64) {
	o := &h.off.seq
	table, outside := h.setTable(a)
	h.work += uint64(len(table)) / 8
	if outside != 0 {
		v.block(blockTable, outside, uint64(len(table)))
	}
	for i := uint64(0); (i+1)*o.setEntry <= uint64(len(table)); i++ {
		key := le64(table, i*o.setEntry)
		if key != 0 && le64(table, i*o.setEntry+o.setEntryHash) != ^uint64(0) {
			v.edge(edgeMember, key, i)
		}
	}
}

// visitCode reads the fields; the bytecode behind them holds inline caches, whose pointers are
// borrowed.
func (h *Heap) visitCode(v visitor, a uint64, t *typeInfo) {
	o := &h.off.code
	end := o.bytecode
	if end == absent {
		end = h.off.code.size
	}
	h.scanObject(v, a, t, h.off.objectSize, end)
	if o.zombie == absent {
		return
	}
	// A frame that was freed, and is kept for the next call; it owns nothing but its memory.
	p, _ := h.view.u64(a + o.zombie)
	p -= h.off.gc.headSize
	if start, size, ok := h.blockOf(p); ok && start == p {
		v.block(blockFree, p, size)
	}
}

// visitDict reads the keys, and the values wherever they are.
func (h *Heap) visitDict(v visitor, a uint64) {
	o := &h.off.dict
	b, ok := h.view.bytes(a, o.values+8)
	if !ok {
		return
	}
	k, ok := h.keysTable(le64(b, o.keys))
	if !ok {
		return
	}
	v.block(blockKeys, k.addr, k.size)
	values := le64(b, o.values)
	h.visitKeys(v, &k, values == 0)
	if values != 0 {
		h.visitValues(v, &k, values, edgeValue)
	}
}

// visitKeys passes on the keys of a table and, where they are in it, the values.
func (h *Heap) visitKeys(v visitor, k *keysTable, combined bool) {
	h.work += 3 * k.n
	for i := uint64(0); i < k.n; i++ {
		e := k.entries[i*k.stride : (i+1)*k.stride]
		key := le64(e, k.key)
		if combined {
			value := le64(e, k.value)
			if value == 0 {
				continue // deleted
			}
			v.edge(edgeValue, value, key)
		}
		if key != 0 {
			v.edge(edgeKey, key, i)
		}
	}
}

// visitValues passes on the values that a split dict or an instance has for the shared keys.
func (h *Heap) visitValues(v visitor, k *keysTable, values uint64, kind edgeKind) {
	array := values
	if o := h.off.dict.valuesArray; o != absent && h.off.dict.valuesCapacity != absent {
		array += o
	}
	if h.atLeast(13) {
		v.block(blockValues, values, array-values+k.capacity*8+(k.capacity+7)&^7)
	} else if h.atLeast(11) {
		prefix, _ := h.view.u8(values - 1) // size of what lies before the values
		v.block(blockValues, values-uint64(prefix), uint64(prefix)+k.capacity*8)
	} else {
		v.block(blockValues, values, k.capacity*8)
	}
	b := h.view.clip(array, k.n*8)
	h.work += uint64(len(b)) / 8
	for i := uint64(0); i < uint64(len(b))/8; i++ {
		if p := le64(b, i*8); p != 0 {
			v.edge(kind, p, le64(k.entries, i*k.stride+k.key))
		}
	}
}
