package pyheap

// isOrdered says whether a type is collections.OrderedDict or a subclass of it.
func (h *Heap) isOrdered(t *typeInfo) bool {
	if t.kind != kindDict || t.exact {
		return false
	}
	odict, ok := h.symbol("PyODict_Type")
	for i := 0; ok && t != nil && i < maxBaseDepth; t, i = t.base, i+1 {
		if t.addr == odict {
			return true
		}
	}
	return false
}

// inNodeOrder gives the items of an OrderedDict in its order, which a list of nodes keeps: that of
// the dict itself is another after move_to_end (Objects/odictobject.c).
func (h *Heap) inNodeOrder(a uint64, items []Item) []Item {
	r := &resolver{lay: h.lay}
	first := r.opt("PyODictObject.od_first")
	key, next := r.opt("_odictnode.key"), r.opt("_odictnode.next")
	if first == absent || key == absent || next == absent {
		return items
	}
	values := make(map[Addr]Addr, len(items))
	for _, it := range items {
		values[it.Key] = it.Value
	}
	out := make([]Item, 0, len(items))
	node, _ := h.view.u64(a + first)
	for node != 0 && len(out) < len(items) {
		k, _ := h.view.u64(node + key)
		v, ok := values[Addr(k)]
		if !ok {
			return items
		}
		out = append(out, Item{Addr(k), v})
		node, _ = h.view.u64(node + next)
	}
	if len(out) != len(items) {
		return items
	}
	return out
}
