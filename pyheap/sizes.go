package pyheap

// fullSize gives what sys.getsizeof says of the object.
func (h *Heap) fullSize(a uint64, t *typeInfo) uint64 {
	before := h.before(t)
	switch t.kind {
	case kindList:
		n, _ := h.view.u64(a + h.off.seq.listAllocated)
		if items, _ := h.view.u64(a + h.off.seq.listItems); items == 0 {
			n = 0 // list.sort sets n to -1 for as long as it runs
		}
		return before + t.basicsize + min(n, h.size/8)*8
	case kindDict:
		return before + t.basicsize + h.dictExtra(a) + h.orderedExtra(a, t)
	case kindSet:
		size := before + t.basicsize
		mask, _ := h.view.u64(a + h.off.seq.setMask)
		if table, _ := h.view.u64(a + h.off.seq.setTable); table != a+h.off.seq.setSmall {
			size += (min(mask, h.size/8) + 1) * h.off.seq.setEntry
		}
		return size
	case kindType:
		return h.typeSize(a, t)
	case kindInt: // int.__sizeof__ leaves out what a subclass adds
		_, n, _ := h.intDigits(a)
		if v := h.in.Version; n == 0 && (v.Minor > 11 || v.Minor == 11 && v.Micro >= 2) {
			n = 1 // gh-101266
		}
		return before + h.off.seq.intDigits + n*4
	case kindStr:
		return before + h.strSize(a, t)
	case kindByteArray, kindArray:
		s := sizer{}
		if t.kind == kindArray {
			h.visitArray(&s, a, t)
		} else {
			h.visitBuffer(&s, a, h.off.seq.baBytes, h.off.seq.baAlloc, 1)
			if h.off.seq.baObject != absent && s.bytes != 0 { // bytearray_sizeof of 3.15
				s.bytes += h.off.seq.bytesData + 1
			}
		}
		return before + t.basicsize + s.bytes
	case kindDeque:
		return before + t.basicsize + h.dequeExtra(a, t)
	case kindCode: // code_sizeof rounds up, as the memory was asked for
		return before + (h.ownSize(a, t)+7)&^7 + h.cell2argSize(a)
	case kindGen, kindFrame:
		return before + h.ownSize(a, t)
	}
	size := before + t.basicsize + h.items(a, t)*t.itemsize // as object.__sizeof__, which does not round up, nor count hidden fields
	return size + h.ownedSize(a, t)
}

// cell2argSize is that of the table of arguments that are cells, which a code object has until 3.10.
func (h *Heap) cell2argSize(a uint64) uint64 {
	o := &h.off.code
	if o.cell2arg == absent || o.cellvars == absent {
		return 0
	}
	table, _ := h.view.u64(a + o.cell2arg)
	cells, _ := h.view.u64(a + o.cellvars)
	if table == 0 {
		return 0
	}
	n, _ := h.view.u64(cells + h.off.obSize)
	return min(n, h.size) * 8
}

// strSize is that of the string itself and, if they are elsewhere, of its characters and its UTF-8 and wchar_t forms.
func (h *Heap) strSize(a uint64, t *typeInfo) uint64 {
	s := sizer{}
	h.visitStr(&s, a)
	if p, ok := h.strParts(a); ok && p.inline {
		return p.header + p.size + s.bytes
	}
	return h.off.str.objectSize + s.bytes
}

// dequeExtra is the size of a deque's blocks (Modules/_collectionsmodule.c, deque_sizeof).
func (h *Heap) dequeExtra(a uint64, t *typeInfo) uint64 {
	d := h.dequeLayout(t)
	if !d.ok {
		return 0
	}
	left, _ := h.view.u64(a + d.leftIndex)
	n, _ := h.view.u64(a + h.off.obSize)
	return (left + min(n, h.size) + d.items - 1) / d.items * d.block
}

// orderedExtra is the size of the nodes of an OrderedDict and of its table of them (Objects/odictobject.c,
// odict_sizeof).
func (h *Heap) orderedExtra(a uint64, t *typeInfo) uint64 {
	r := &resolver{lay: h.lay}
	fast, node := r.opt("PyODictObject.od_fast_nodes_size"), r.optSize("_odictnode")
	if fast == absent || !h.isOrdered(t) {
		return 0
	}
	used, _ := h.view.u64(a + h.off.dict.used)
	n, _ := h.view.u64(a + fast)
	return min(n, h.size)*8 + min(used, h.size)*node
}
