package pyheap

// IsData says whether the 8-byte word at a is known to hold no pointer: it lies in the characters of
// a str, in bytes, in the digits of an int, in bytecode, in hashes and indices of a dict, and so on.
// What is not known counts as no data. It takes constant time, about 0.1 us.
func (w *Walk) IsData(a Addr) bool {
	i, ok := w.nodeAround(uint64(a))
	if !ok {
		return false
	}
	n := &w.nodes[i]
	off := uint64(a) - n.addr // wraps for words before an object: they are never data
	if n.isBlock() {
		return w.blockIsData(n, off)
	}
	return w.h.objectIsData(n.addr, w.h.list[n.typ], off)
}

func (w *Walk) blockIsData(n *node, off uint64) bool {
	h := w.h
	if p := w.planOf(n); p != nil {
		return p.state == planDone && p.wordAt(off&^7).kind == wordData
	}
	switch blockKind(n.typ) {
	case blockData:
		return true
	case blockTable:
		return off%h.off.seq.setEntry/8*8 == h.off.seq.setEntryHash
	case blockKeys:
		k, ok := h.keysTable(n.addr)
		if !ok {
			return false
		}
		if n.addr+off < k.base {
			return off < 8 || off >= h.off.dict.indices || h.atLeast(11) // before 3.11 a function pointer is among them
		}
		e := (n.addr + off - k.base) % k.stride / 8 * 8
		return e != k.key && e != k.value
	}
	return false
}

func (h *Heap) objectIsData(a uint64, t *typeInfo, off uint64) bool {
	o := h.off
	if off >= 1<<63 {
		return false // before the object
	}
	word := off &^ 7
	if word == 0 {
		return true // ob_refcnt
	}
	if word == o.obType {
		return false
	}
	switch t.kind {
	case kindStr:
		p, ok := h.strParts(a)
		if !ok {
			return false
		}
		if word == o.str.length || word == o.str.hash {
			return true
		}
		return p.inline && off >= p.header
	case kindBytes:
		n, _ := h.view.u64(a + o.obSize)
		return off < o.seq.bytesData+n+1
	case kindByteArray:
		return off < o.varSize
	case kindInt:
		_, n, _ := h.intDigits(a)
		return off < o.seq.intDigits+n*4
	case kindFloat, kindComplex:
		return off < t.baseSize
	case kindAtom:
		return true
	case kindCode:
		return o.code.bytecode != absent && off >= o.code.bytecode
	case kindTuple, kindList:
		return word == o.obSize
	case kindSet:
		if off < o.seq.setSmall || off >= o.seq.setSmall+8*o.seq.setEntry {
			return word == o.seq.setMask || word == o.seq.setUsed || word == o.seq.setHash
		}
		return (off-o.seq.setSmall)%o.seq.setEntry/8*8 == o.seq.setEntryHash
	case kindDict:
		return word == o.dict.used || word == o.dict.hash && t.baseSize > word
	}
	if word >= o.objectSize && word+8 <= t.basicsize && (t.kind == kindGeneric || word >= t.baseSize) {
		_, pointer := h.shapeOf(t).find(word)
		return !pointer
	}
	return false
}
