package pyheap

// What lies before an object of a type with a managed dict, in words:
//
//	3.11        -4 inline values    -3 dict
//	3.12        -4 weakref list     -3 dict, or values - 1 (then bit 0 is set)
//	3.13, 3.14  -4 weakref list     -3 dict; inline values follow the object's basicsize

// managed gives the dict and the inline values of an object; 0 for what it has not.
func (h *Heap) managed(a uint64, t *typeInfo) (dict, values uint64) {
	if t.flags&flagManagedDict == 0 {
		return 0, 0
	}
	dict, _ = h.view.u64(a - 24)
	switch {
	case h.atLeast(13):
		if t.flags&flagInlineValues != 0 {
			valid, _ := h.view.u8(a + t.basicsize + h.off.dict.valuesValid)
			if valid != 0 && dict == 0 {
				values = a + t.basicsize
			}
		}
	case h.atLeast(12):
		if dict&1 != 0 {
			dict, values = 0, dict+1
		}
	default:
		values, _ = h.view.u64(a - 32)
		if values != 0 {
			dict = 0
		}
	}
	return dict, values
}

func (h *Heap) visitManaged(v visitor, a uint64, t *typeInfo) {
	dict, values := h.managed(a, t)
	if dict != 0 {
		v.edge(edgeDict, dict, 0)
	}
	if values == 0 && t.flags&flagInlineValues != 0 && h.atLeast(13) {
		// A dict may share them (gh-115776): the object refers to both.
		if valid, _ := h.view.u8(a + t.basicsize + h.off.dict.valuesValid); valid != 0 {
			values = a + t.basicsize
		}
	}
	if values != 0 {
		if k, ok := h.cachedKeys(t); ok {
			h.visitValues(v, k, values, edgeAttr)
		}
	}
}

// cachedKeys gives the names of the inline values of a type's instances. They do not change while
// the memory is read, so they are looked up once.
func (h *Heap) cachedKeys(t *typeInfo) (*keysTable, bool) {
	if t.keys == nil {
		t.keys = &keysTable{}
		p, _ := h.view.u64(t.addr + h.off.typ.htKeys)
		if k, ok := h.keysTable(p); ok && t.flags&flagHeapType != 0 {
			t.keys = &k
		}
	}
	return t.keys, t.keys.addr != 0
}

// items gives how many variable items the object at a has.
func (h *Heap) items(a uint64, t *typeInfo) uint64 {
	if t.itemsize == 0 && t.kind != kindList {
		return 0
	}
	if t.kind == kindInt {
		_, n, _ := h.intDigits(a)
		return n
	}
	n, ok := h.view.u64(a + h.off.obSize)
	if !ok || n > 1<<40 {
		return 0
	}
	return n
}

// ownSize gives the size of the memory that the object at a itself takes: from ob_refcnt on, without
// what lies before it and without the blocks it owns.
func (h *Heap) ownSize(a uint64, t *typeInfo) uint64 {
	size := t.basicsize
	switch t.kind {
	case kindStr:
		if p, ok := h.strParts(a); ok && p.inline {
			return p.header + p.size
		}
	case kindGen, kindFrame:
		return h.frameOwnerSize(a, t)
	case kindList, kindArray, kindByteArray, kindDeque: // VAR_HEAD or not, the items are elsewhere
	default:
		if t.itemsize != 0 {
			size += (h.items(a, t) + t.hidden) * t.itemsize
		}
	}
	if t.kind != kindCode && !(t.exact && t.kind <= kindInt) && t.itemsize != 0 {
		size = (size + 7) &^ 7
	}
	if t.flags&flagInlineValues != 0 && h.atLeast(13) {
		if k, ok := h.cachedKeys(t); ok {
			size += h.off.dict.valuesArray + k.capacity*8 + (k.capacity+7)&^7
		}
	}
	return size
}

// before gives how many bytes of an object's block lie before its ob_refcnt: the GC head and the
// managed dict or weakref list.
func (h *Heap) before(t *typeInfo) uint64 {
	n := uint64(0)
	if t.gc() {
		n = h.off.gc.headSize
	}
	if t.flags&flagManagedDict != 0 || t.flags&flagManagedWeakref != 0 && h.atLeast(12) {
		n += 16
	}
	return n
}
