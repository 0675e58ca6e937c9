package restore

import (
	"fmt"

	"pyfreeze/pyheap"
)

// refuseThreads looks for threads that the program would wait for at its end:
// other than daemon threads they are part of what it does, and a thaw has only
// the main one. count is of all that Python knows.
func refuseThreads(h *pyheap.Heap) (out []Offender, count int, err error) {
	threads, err := h.Threads()
	if err != nil {
		return nil, 0, err
	}
	count = len(threads)
	others := map[uint64]bool{}
	for _, t := range threads {
		if !t.IsMain {
			others[t.ThreadID] = true
		}
	}
	if len(others) == 0 {
		return nil, count, nil
	}
	active, err := h.Lookup("threading._active")
	if err != nil {
		return nil, count, nil // made by _thread alone: nobody waits for them
	}
	items, err := h.DictItems(active, -1)
	if err != nil {
		return nil, count, err
	}
	for _, it := range items {
		ident, err := h.Int(it.Key)
		if err != nil || !others[uint64(ident)] {
			continue
		}
		daemon, err := h.Attr(it.Value, "_daemonic")
		if err != nil {
			continue
		}
		if v, err := h.Int(daemon); err != nil || v != 0 {
			continue
		}
		out = append(out, Offender{"thread", fmt.Sprintf("threading._active[%d]", ident), h.Repr(it.Value, 80) + ", a running thread that is not a daemon",
			"let it end before the freeze, make it a daemon thread"})
	}
	return out, count, nil
}
