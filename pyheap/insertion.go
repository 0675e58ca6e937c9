package pyheap

// A split table keeps its values by the order of the shared keys. The order in which they were set
// is kept apart, as bytes that are indices of values (Include/internal/pycore_dict.h):
//
//	3.11, 3.12   before the values, downwards from -3; how many there are, at -2
//	3.13, 3.14   behind the room for the values; how many there are, in the header
//
// Until 3.10 a dict whose order is another is no split one.

// inOrder gives the indices of n values of a split table, those first that were set first.
func (h *Heap) inOrder(values, n uint64) []uint64 {
	out := make([]uint64, 0, n)
	var seen [1 << 8]bool
	for _, i := range h.insertionOrder(values) {
		if uint64(i) < n && !seen[i] {
			seen[i] = true
			out = append(out, uint64(i))
		}
	}
	for i := range n { // none, in a sound heap
		if i >= uint64(len(seen)) || !seen[i] {
			out = append(out, i)
		}
	}
	return out
}

func (h *Heap) insertionOrder(values uint64) []byte {
	o := &h.off.dict
	switch {
	case h.atLeast(13):
		n, _ := h.view.u8(values + o.valuesSize)
		room, _ := h.view.u8(values + o.valuesCapacity)
		return h.view.clip(values+o.valuesArray+uint64(room)*8, uint64(n))
	case h.atLeast(11):
		n, ok := h.view.u8(values - 2)
		b, ok2 := h.view.bytes(values-2-uint64(n), uint64(n))
		if !ok || !ok2 {
			return nil
		}
		out := make([]byte, n)
		for i := range out {
			out[i] = b[len(b)-1-i]
		}
		return out
	}
	return nil
}
