package restore

import (
	"pyfreeze/procmem"
	"pyfreeze/pyheap"
)

// toRest changes the frozen memory into that of an interpreter which no thread is in, and whose streams, locks and exit handlers belong to nobody.
// It gives the words that are to hold the ident of the thread that thaws.
func (t *target) toRest(frz *frozen, h *pyheap.Heap, w *pyheap.Walk) (idents []procmem.Addr, err error) {
	if err := forgetSeekable(frz, t, w); err != nil {
		return nil, err
	}
	if err := dropAtexit(frz, h, t); err != nil {
		return nil, err
	}
	if err := openBufferLocks(frz, t, w); err != nil {
		return nil, err
	}
	if err := t.resetInterpreter(frz, h); err != nil {
		return nil, err
	}
	return holdForkLocks(frz, h, t)
}
