package pyheap

// heldTypes are the types whose objects may be held.
var heldTypes = []string{"_thread.lock", "_thread.RLock", "threading._RLock", "threading.Semaphore",
	"_frozen_importlib._ModuleLock",
	"_io.BufferedReader", "_io.BufferedWriter", "_io.BufferedRandom", "_multiprocessing.SemLock"}

// held notes what is held.
func (f *lockFinder) held() {
	for _, typ := range heldTypes {
		f.each(typ, func(a Addr) {
			if !f.hidden[a] {
				f.state(a)
			}
		})
	}
}

// state notes whether an object is held, and by whom.
func (f *lockFinder) state(a Addr) {
	switch h := f.h; {
	case h.isA(a, "_thread.lock"), h.isA(a, "_thread.RLock"):
		f.heldLock(a)
	case h.isA(a, "threading.Semaphore"):
		f.semaphore(a)
	case h.isA(a, "threading._RLock"):
		if id, ok := f.number(a, "_owner"); ok {
			f.owned(a, id)
		}
	case h.isA(a, "_frozen_importlib._ModuleLock"):
		if id, ok := f.number(a, "owner"); ok {
			f.owned(a, id)
		}
	case h.isA(a, "_io._BufferedIOBase"):
		for _, name := range []string{"owner", "lock.thread"} { // until 3.13; gh-111926
			if id, err := h.CField(a, name); err == nil && id != 0 {
				f.owned(a, id)
			}
		}
	case h.isA(a, "_multiprocessing.SemLock"):
		count, err := h.CField(a, "count")
		id, err2 := h.CField(a, "last_tid")
		if err == nil && err2 == nil && int32(count) > 0 {
			f.owned(a, id)
			f.use(a).Count = int64(int32(count))
		}
	}
}

// owned notes that a thread holds something that keeps its owner.
func (f *lockFinder) owned(a Addr, id uint64) {
	u := f.use(a)
	u.Held, u.Owners = true, []Party{{Thread: id}}
}

func (f *lockFinder) heldLock(a Addr) {
	l, err := f.h.Lock(a)
	if err != nil || !l.Held {
		return
	}
	if l.Recursive {
		f.owned(a, l.Owner)
		if n, ok := f.timesTaken(a); ok {
			f.use(a).Count = n
		}
		return
	}
	u := f.use(a)
	u.Held = true
	f.infer(u, 1)
}

// timesTaken gives how often its owner has taken an RLock.
func (f *lockFinder) timesTaken(a Addr) (int64, bool) {
	if n, err := f.h.CField(a, "rlock_count"); err == nil {
		return int64(n), true
	}
	n, err := f.h.CField(a, "lock.level") // levels beyond the first, since gh-125541
	return int64(n) + 1, err == nil
}

// infer takes those who are in a with block of a lock for its owners, unless there are more than it
// can have.
func (f *lockFinder) infer(u *LockUse, most int) {
	if in := f.within[u.Addr]; len(in) > 0 && len(in) <= most {
		u.Owners, u.Inferred = in, true
	}
}

// semaphore notes one that has nothing left to give, or less than it began with.
func (f *lockFinder) semaphore(a Addr) {
	value, ok := f.number(a, "_value")
	first, bounded := f.number(a, "_initial_value") // of a BoundedSemaphore
	in := len(f.within[a])
	if !ok || !(bounded && value < first || in > 0) {
		return
	}
	u := f.use(a)
	u.Held, u.Count = value == 0, int64(value)
	if !bounded {
		first = value + uint64(in)
	}
	f.infer(u, int(min(first-value, 1<<16)))
}

// importLock notes the lock of the import machinery as a whole, which C code takes.
func (f *lockFinder) importLock(threads []LockThread) {
	at, owner, word := f.h.importLock()
	if at == 0 || owner == 0 || owner == ^uint64(0) {
		return
	}
	f.owned(at, owner)
	for _, t := range threads {
		for _, p := range f.h.Parked(t.Futex) {
			if t.Futex != 0 && p == word {
				u := f.use(at)
				u.Waiters = append(u.Waiters, LockWaiter{Party: Party{Thread: t.Thread.ThreadID}})
			}
		}
	}
}

// importLock gives where the global import lock is, the thread that holds it, and the word that
// others sleep at: static variables of Python/import.c until 3.11, then in the state of the
// interpreter.
func (h *Heap) importLock() (at Addr, owner uint64, word Addr) {
	r := &resolver{lay: h.lay}
	if base := r.opt("PyInterpreterState.imports.lock"); base != absent {
		at = Addr(h.main + base)
		if id := r.opt("PyInterpreterState.imports.lock.thread"); id != absent {
			owner, _ = h.view.u64(h.main + id)
		}
		word = at
		if !h.atLeast(13) { // a PyMutex since
			p, _ := h.view.u64(uint64(at))
			word = Addr(p)
		}
		return at, owner, word
	}
	lock, ok := h.symbol("import_lock")
	id, ok2 := h.symbol("import_lock_thread")
	if !ok || !ok2 {
		return 0, 0, 0
	}
	owner, _ = h.view.u64(id)
	p, _ := h.view.u64(lock)
	return Addr(lock), owner, Addr(p)
}
