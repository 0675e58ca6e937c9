package restore

import (
	"pyfreeze/procmem"
	"pyfreeze/pyheap"
)

// identFields are fields of C structs that keep the ident of the thread that made an object and check it later. A fork keeps
// idents; a thaw has another main thread. Python's own module threading is repaired by PyOS_AfterFork_Child.
var identFields = []struct{ typ, field string }{
	{"sqlite3.Connection", "thread_ident"}, // check_same_thread; Modules/_sqlite/connection.h
}

// mainIdents gives the addresses of those words that hold the ident of the main thread.
func mainIdents(h *pyheap.Heap, w *pyheap.Walk, ident uint64) (out []procmem.Addr) {
	for _, f := range identFields {
		for _, o := range w.OfType(f.typ) {
			at, size, err := h.CFieldAddr(o.Addr, f.field)
			if err != nil || size != 8 {
				continue // of a module without debug information here
			}
			if v, err := h.CField(o.Addr, f.field); err == nil && v == ident {
				out = append(out, at)
			}
		}
	}
	return out
}
