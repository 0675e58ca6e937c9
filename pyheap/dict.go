package pyheap

// keysTable is a PyDictKeysObject, checked: all of it lies in known memory.
type keysTable struct {
	addr     uint64
	size     uint64 // of the whole block, bytes
	entries  []byte // the entries in use
	base     uint64 // address of the entries
	n        uint64 // how many are in use
	stride   uint64
	key      uint64 // offset in an entry
	value    uint64
	hash     uint64 // absent in tables of str keys
	refcnt   uint64
	capacity uint64 // entries that a split table has values for
}

const maxLog2Dict = 40

func (h *Heap) keysTable(a uint64) (k keysTable, ok bool) {
	o := &h.off.dict
	b, ok := h.view.bytes(a, o.indices)
	if !ok {
		return k, false
	}
	k.addr, k.refcnt = a, le64(b, o.refcnt)
	var slots, indexBytes uint64
	if o.log2Size != absent {
		if b[o.log2Size] > maxLog2Dict || b[o.log2IndexBytes] > maxLog2Dict+3 {
			return k, false
		}
		slots, indexBytes = 1<<b[o.log2Size], 1<<b[o.log2IndexBytes]
	} else {
		slots = le64(b, o.oldSize)
		if slots > 1<<maxLog2Dict {
			return k, false
		}
		indexBytes = indexSize(slots)
	}
	k.stride, k.key, k.value, k.hash = o.entrySize, o.entryKey, o.entryValue, o.entryHash
	if o.kind != absent && b[o.kind] != 0 {
		k.stride, k.key, k.value, k.hash = o.unicodeSize, o.unicodeKey, o.unicodeValue, absent
	}
	k.n = le64(b, o.nentries)
	usable := le64(b, o.usable)
	fraction := slots << 1 / 3
	if k.n > slots || usable > slots || k.stride == 0 {
		return k, false
	}
	k.capacity = k.n + usable
	k.base = a + o.indices + indexBytes
	k.size = o.indices + indexBytes + fraction*k.stride
	k.entries, ok = h.view.bytes(k.base, k.n*k.stride)
	if !ok && k.n == 0 {
		ok = true
	}
	return k, ok
}

// indexSize gives the bytes of dk_indices before 3.11, which stores no size of it.
func indexSize(slots uint64) uint64 {
	switch {
	case slots <= 0xff:
		return slots
	case slots <= 0xffff:
		return slots * 2
	case slots <= 0xffffffff:
		return slots * 4
	}
	return slots * 8
}

// dictEach calls fn with every key and value of the dict at a until it returns false. The order is
// that of insertion.
func (h *Heap) dictEach(a uint64, fn func(key, value uint64) bool) bool {
	o := &h.off.dict
	b, ok := h.view.bytes(a, o.values+8)
	if !ok {
		return false
	}
	k, ok := h.keysTable(le64(b, o.keys))
	if !ok {
		return false
	}
	h.work += 3 * k.n
	if h.exhausted() {
		return false
	}
	if values := le64(b, o.values); values != 0 {
		order := values
		if h.off.dict.valuesArray != absent {
			values += h.off.dict.valuesArray
		}
		vb := h.view.clip(values, min(k.n, k.capacity)*8)
		for _, i := range h.inOrder(order, uint64(len(vb))/8) {
			if v := le64(vb, i*8); v != 0 && !fn(le64(k.entries, i*k.stride+k.key), v) {
				return true
			}
		}
		return true
	}
	for i := uint64(0); i < k.n; i++ {
		key, v := le64(k.entries, i*k.stride+k.key), le64(k.entries, i*k.stride+k.value)
		if v != 0 && !fn(key, v) {
			return true
		}
	}
	return true
}

// dictGet finds the value of a str key by comparing keys one after the other: a lookup by hash
// would need the target's secret.
func (h *Heap) dictGet(dict uint64, name string) (value uint64, found bool) {
	if dict == 0 {
		return 0, false
	}
	t, err := h.typeOf(dict)
	if err != nil || t.kind != kindDict {
		return 0, false
	}
	h.dictEach(dict, func(k, v uint64) bool {
		if h.strEqual(k, name) {
			value, found = v, true
			return false
		}
		return true
	})
	return value, found
}

// strEqual compares without decoding where it can: most keys differ in length.
func (h *Heap) strEqual(a uint64, s string) bool {
	o := &h.off.str
	b := h.view.clip(a, o.asciiSize)
	if uint64(len(b)) < o.asciiSize {
		return false
	}
	if o.ascii.get(b) != 0 && o.compact.get(b) != 0 {
		if le64(b, o.length) != uint64(len(s)) {
			return false
		}
		d, ok := h.view.bytes(a+o.asciiSize, uint64(len(s)))
		if !ok || string(d) != s {
			return false
		}
		t, err := h.typeOf(a)
		return err == nil && t.kind == kindStr
	}
	v, err := h.str(a, uint64(len(s)))
	return err == nil && v == s
}

// Item is a key of a dict with its value.
type Item struct{ Key, Value Addr }

// DictItems gives up to limit items of a dict (or of an object of a subclass); all if limit < 0.
func (h *Heap) DictItems(dict Addr, limit int) ([]Item, error) {
	if err := h.want(uint64(dict), kindDict, "a dict"); err != nil {
		return nil, err
	}
	var out []Item
	t, err := h.typeOf(uint64(dict))
	ordered := err == nil && h.isOrdered(t)
	ok := h.dictEach(uint64(dict), func(k, v uint64) bool {
		if !ordered && limit >= 0 && len(out) >= limit {
			return false
		}
		out = append(out, Item{Addr(k), Addr(v)})
		return true
	})
	if !ok {
		return nil, &ObjectError{Addr: dict, Want: "a dict", Err: errBadLength}
	}
	if ordered {
		out = h.inNodeOrder(uint64(dict), out)
		if limit >= 0 && len(out) > limit {
			out = out[:limit]
		}
	}
	return out, nil
}
