package pyheap

// What a damaged heap can cost is bounded by counting the words that are read: objects that overlap or
// refer to each other in circles would otherwise take for ever. A sound heap never comes near.

// begin opens a call with a budget of its own, unless it is part of another one. The result closes it.
func (h *Heap) begin(limit uint64) (end func()) {
	if h.calls++; h.calls == 1 {
		h.work, h.limit = 0, limit
	}
	return func() { h.calls-- }
}

// callLimit is the budget of one call that reads a few objects.
func (h *Heap) callLimit() uint64 { return h.size/4 + 1<<20 }

// walkLimit is the budget of a walk: each word may be read some times, as keys that dicts share are.
func (h *Heap) walkLimit() uint64 { return 2*h.size + 1<<24 }

// exhausted says that the call has used up its budget.
func (h *Heap) exhausted() bool { return h.work > h.limit && h.calls > 0 }
