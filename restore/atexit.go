package restore

import (
	"pyfreeze/procmem"
	"pyfreeze/pyheap"
)

// maxAtexit is more handlers than any program registers.
const maxAtexit = 1 << 16

// dropAtexit takes away the atexit handlers that the frozen run of the program's script registered: the script runs anew in a thaw
// and registers its own; those of the modules that it imported stay.
func dropAtexit(f *frozen, h *pyheap.Heap, t *target) error {
	const typ = "PyInterpreterState"
	if !t.lay.Has(typ, "atexit.callbacks") || !t.lay.Has(typ, "atexit.ncallbacks") { // 3.10 to 3.13 (bpo-42639)
		return nil
	}
	array, _, err := t.field(t.interp, typ, "atexit.callbacks")
	if err != nil {
		return err
	}
	count, _, err := t.field(t.interp, typ, "atexit.ncallbacks")
	if err != nil {
		return err
	}
	at, err := f.peek64(array)
	if err != nil || at == 0 {
		return nil
	}
	n, err := f.peek32(count)
	if err != nil || n > maxAtexit {
		return nil
	}
	for i := range procmem.Addr(n) {
		slot := procmem.Addr(at) + 8*i
		callback, err := f.peek64(slot)
		if err != nil || callback == 0 {
			continue // unregistered
		}
		fn, err := f.peek64(procmem.Addr(callback)) // the first field of atexit_callback
		if err != nil || !ofScript(h, pyheap.Addr(fn)) {
			continue
		}
		if err := f.poke64(slot, 0); err != nil { // as atexit.unregister does
			return err
		}
	}
	return nil
}

// ofScript says whether a function, or the one behind a bound method, was defined by the module __main__.
func ofScript(h *pyheap.Heap, fn pyheap.Addr) bool {
	if inner, err := h.CField(fn, "im_func"); err == nil {
		fn = pyheap.Addr(inner)
	}
	globals, err := h.CField(fn, "func_globals")
	if err != nil {
		return false
	}
	items, err := h.DictItems(pyheap.Addr(globals), -1)
	if err != nil {
		return false
	}
	for _, it := range items {
		if key, err := h.Str(it.Key); err == nil && key == "__name__" {
			name, err := h.Str(it.Value)
			return err == nil && name == "__main__"
		}
	}
	return false
}
