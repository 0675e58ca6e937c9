package restore

import (
	"pyfreeze/procmem"
	"pyfreeze/pyheap"
)

// holdForkLocks makes the thread that thaws the owner of the locks that a fork is made under, which PyOS_AfterFork_Child and its hooks
// release. It gives the words that are to hold the ident of that thread.
func holdForkLocks(f *frozen, h *pyheap.Heap, t *target) (idents []procmem.Addr, err error) {
	const typ = "PyInterpreterState"
	if t.lay.Has(typ, "imports.lock.mutex") { // 3.13 (gh-114271); before, PyOS_AfterFork_Child makes the import lock anew
		at, size, err := t.field(t.interp, typ, "imports.lock")
		if err != nil {
			return nil, err
		}
		if err := f.zero(at, size); err != nil {
			return nil, err
		}
		mutex, _, err := t.field(t.interp, typ, "imports.lock.mutex")
		if err != nil {
			return nil, err
		}
		b, err := f.find(mutex, 1)
		if err != nil {
			return nil, err
		}
		b[0] = 1 // locked
		thread, _, err := t.field(t.interp, typ, "imports.lock.thread")
		if err != nil {
			return nil, err
		}
		idents = append(idents, thread)
	}
	owner, err := holdLogging(f, h)
	if owner != 0 {
		idents = append(idents, owner)
	}
	return idents, err
}

// holdLogging does so with logging._lock, an RLock that 3.8 releases in the child; 3.9 makes it anew (bpo-40089).
func holdLogging(f *frozen, h *pyheap.Heap) (owner procmem.Addr, err error) {
	if h.Interpreter().Version.Minor != 8 {
		return 0, nil
	}
	lock, err := h.Lookup("logging._lock")
	if err != nil {
		return 0, nil // not imported
	}
	owner, _, err = h.CFieldAddr(lock, "rlock_owner")
	if err != nil {
		return 0, nil // not an RLock
	}
	count, _, err := h.CFieldAddr(lock, "rlock_count")
	if err != nil {
		return 0, err
	}
	if err := f.poke64(count, 1); err != nil {
		return 0, err
	}
	sem, err := h.CField(lock, "rlock_lock")
	if err != nil {
		return 0, err
	}
	return owner, f.poke32(procmem.Addr(sem), 0) // a sem_t
}
