package pyheap

// array gives the n pointers at a as bytes, what of them lies in known memory.
func (h *Heap) array(a, n uint64) []byte {
	if n > 1<<40 {
		return nil
	}
	return h.view.clip(a, n*8)
}

// ListItems gives up to limit items of a list; all if limit < 0.
func (h *Heap) ListItems(list Addr, limit int) ([]Addr, error) {
	if err := h.want(uint64(list), kindList, "a list"); err != nil {
		return nil, err
	}
	items, ok := h.view.u64(uint64(list) + h.off.seq.listItems)
	n, ok2 := h.view.u64(uint64(list) + h.off.obSize)
	if !ok || !ok2 {
		return nil, &ObjectError{Addr: list, Want: "a list", Err: errNotMapped}
	}
	return h.pointers(list, items, n, limit, "a list")
}

// TupleItems gives up to limit items of a tuple; all if limit < 0.
func (h *Heap) TupleItems(tuple Addr, limit int) ([]Addr, error) {
	if err := h.want(uint64(tuple), kindTuple, "a tuple"); err != nil {
		return nil, err
	}
	n, ok := h.view.u64(uint64(tuple) + h.off.obSize)
	if !ok {
		return nil, &ObjectError{Addr: tuple, Want: "a tuple", Err: errNotMapped}
	}
	return h.pointers(tuple, uint64(tuple)+h.off.seq.tupleItems, n, limit, "a tuple")
}

// SetItems gives up to limit members of a set or frozenset; all if limit < 0.
func (h *Heap) SetItems(set Addr, limit int) ([]Addr, error) {
	if err := h.want(uint64(set), kindSet, "a set"); err != nil {
		return nil, err
	}
	var out []Addr
	table, _ := h.setTable(uint64(set))
	if mask, ok := h.view.u64(uint64(set) + h.off.seq.setMask); !ok || uint64(len(table))/h.off.seq.setEntry <= mask {
		return nil, &ObjectError{Addr: set, Want: "a set", Err: errNotMapped} // what is there would look like all
	}
	if h.work += uint64(len(table)) / 8; h.exhausted() {
		return nil, &ObjectError{Addr: set, Want: "a set", Err: errTooLarge}
	}
	for i := uint64(0); (i+1)*h.off.seq.setEntry <= uint64(len(table)); i++ {
		if limit >= 0 && len(out) >= limit {
			break
		}
		key := le64(table, i*h.off.seq.setEntry)
		hash := le64(table, i*h.off.seq.setEntry+h.off.seq.setEntryHash)
		if key != 0 && hash != ^uint64(0) { // -1: the dummy
			out = append(out, Addr(key))
		}
	}
	return out, nil
}

// setTable gives the entries of a set and the address of the table when it is not inside the set.
func (h *Heap) setTable(a uint64) (table []byte, outside uint64) {
	o := &h.off.seq
	b, ok := h.view.bytes(a, o.setSmall)
	if !ok {
		return nil, 0
	}
	slots, at := le64(b, o.setMask)+1, le64(b, o.setTable)
	if slots > 1<<40 || slots == 0 {
		return nil, 0
	}
	if at != a+o.setSmall {
		outside = at
	}
	return h.view.clip(at, slots*o.setEntry), outside
}

func (h *Heap) pointers(obj Addr, a, n uint64, limit int, want string) ([]Addr, error) {
	if limit >= 0 && n > uint64(limit) && n < 1<<40 {
		n = uint64(limit)
	}
	b := h.array(a, n)
	if uint64(len(b)) < n*8 {
		return nil, &ObjectError{Addr: obj, Want: want, Err: errBadLength}
	}
	out := make([]Addr, n)
	for i := range out {
		out[i] = Addr(le64(b, uint64(i)*8))
	}
	return out, nil
}
