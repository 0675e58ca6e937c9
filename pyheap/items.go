package pyheap

// Items gives up to limit items of a container, all if limit < 0: of a list, tuple, deque, set or
// frozenset with Key 0, of a dict or mappingproxy with their keys; and how many there are in all, -1 for
// an object that is no container which can be read without running code.
func (h *Heap) Items(obj Addr, limit int) (items []Item, total int, err error) {
	defer guard(&err)
	defer h.begin(h.callLimit())()
	a := uint64(obj)
	t, err := h.typeOf(a)
	if err != nil {
		return nil, -1, err
	}
	if d, ok := h.proxied(a, t); ok {
		return h.Items(Addr(d), limit)
	}
	var values []Addr
	n, _ := h.view.u64(a + h.off.obSize)
	switch t.kind {
	case kindDict:
		if items, err = h.DictItems(obj, limit); err != nil {
			return nil, -1, err
		}
		used, _ := h.view.u64(a + h.off.dict.used)
		return items, bounded(used, len(items)), nil
	case kindList:
		values, err = h.ListItems(obj, limit)
	case kindTuple:
		values, err = h.TupleItems(obj, limit)
	case kindSet:
		n, _ = h.view.u64(a + h.off.seq.setUsed)
		values, err = h.SetItems(obj, limit)
	case kindDeque:
		l := itemLister{limit: limit}
		h.visitDeque(&l, a, t)
		values, n = l.out, uint64(l.n)
	default:
		return nil, -1, nil
	}
	if err != nil {
		return nil, -1, err
	}
	for _, v := range values {
		items = append(items, Item{Value: v})
	}
	return items, bounded(n, len(items)), nil
}

// bounded is a length as the target has it, unless that is absurd.
func bounded(n uint64, atLeast int) int {
	if n > 1<<40 || int(n) < atLeast {
		return atLeast
	}
	return int(n)
}

// proxied gives the dict behind a mappingproxy.
func (h *Heap) proxied(a uint64, t *typeInfo) (uint64, bool) {
	if h.nameOf(t) != "builtins.mappingproxy" {
		return 0, false
	}
	d, _ := h.view.u64(a + h.off.objectSize) // its only field
	dt, err := h.typeOf(d)
	return d, err == nil && dt.kind == kindDict
}

// itemLister collects the items of a deque.
type itemLister struct {
	limit, n int
	out      []Addr
}

func (l *itemLister) edge(k edgeKind, to, _ uint64) {
	if k != edgeItem {
		return
	}
	if l.n++; l.limit < 0 || len(l.out) < l.limit {
		l.out = append(l.out, Addr(to))
	}
}
func (l *itemLister) block(blockKind, uint64, uint64) {}
func (l *itemLister) wantType(*typeInfo) bool         { return false }
