package pyheap

// lockWord says where a thread sleeps that waits for an object: at the word that a pointer in its C
// struct leads to (a semaphore), or at a byte of it (through the parking lot of 3.13 and later).
type lockWord struct {
	field   string
	pointer bool
	inside  string // "Struct.field" of what the pointer leads to
}

// lockWords are tried in order: the first that the debug information knows holds.
var lockWords = map[string][]lockWord{
	// gh-125139
	"_thread.lock": {{field: "lock_lock", pointer: true}, {field: "lock._bits"}},
	// gh-125541
	"_thread.RLock": {{field: "rlock_lock", pointer: true}, {field: "lock.mutex._bits"}},
	// gh-112967
	"_queue.SimpleQueue": {{field: "lock", pointer: true}, {field: "has_threads_waiting"}},
	// gh-111926
	"_io.BufferedReader": {{field: "lock", pointer: true}, {field: "lock.mutex._bits"}},
	// the same
	"_io.BufferedWriter": {{field: "lock", pointer: true}, {field: "lock.mutex._bits"}},
	// the same
	"_io.BufferedRandom": {{field: "lock", pointer: true}, {field: "lock.mutex._bits"}},
	// its sem_t
	"_multiprocessing.SemLock": {{field: "handle", pointer: true}},
	// gh-114271
	"_thread._ThreadHandle": {{field: "handle", pointer: true,
		inside: "ThreadHandle.thread_is_exiting"}},
}

// LockWord gives the address that a thread sleeps at while it waits for an object: a lock of
// _thread, a SimpleQueue, a buffered stream, the semaphore of a lock of multiprocessing, the handle
// of a thread. False for other objects, and where no debug information describes them.
func (h *Heap) LockWord(obj Addr) (Addr, bool) {
	t, err := h.typeOf(uint64(obj))
	for i := 0; err == nil && t != nil && i < maxBaseDepth; t, i = t.base, i+1 {
		words, ok := lockWords[h.nameOf(t)]
		if !ok {
			continue
		}
		for _, w := range words {
			at, size, err := h.CFieldAddr(obj, w.field)
			if err != nil || w.pointer && size != 8 {
				continue
			}
			if !w.pointer {
				return at, true
			}
			p, _ := h.view.u64(uint64(at))
			if w.inside != "" {
				off := (&resolver{lay: h.lay}).opt(w.inside)
				if off == absent {
					continue
				}
				p += off
			}
			return Addr(p), p != 0
		}
	}
	return 0, false
}

// Parked gives the address that a thread waits for whose registers say that it sleeps at a futex:
// that of the futex itself or, where it has parked itself, the one that it gave to the parking lot
// (Python/parking_lot.c, 3.13 and later). Then the futex is in a struct on its own stack.
func (h *Heap) Parked(futex Addr) []Addr {
	out := []Addr{futex}
	r := &resolver{lay: h.lay}
	sema, addr := r.opt("wait_entry.sema"), r.opt("wait_entry.addr")
	if sema == absent || addr == absent || uint64(futex) < sema {
		return out
	}
	if p, ok := h.view.u64(uint64(futex) - sema + addr); ok && p != 0 && h.view.find(p) != nil {
		out = append(out, Addr(p))
	}
	return out
}

// GILWait says whether a thread that sleeps at that futex waits for the GIL of the main
// interpreter.
func (h *Heap) GILWait(futex Addr) bool {
	s, err := NewStateReader(h.in, h.lay)
	if err != nil {
		return false
	}
	gil, err := s.GIL(h.sp)
	if err != nil {
		return false
	}
	r := &resolver{lay: h.lay}
	from, to := r.opt("_gil_runtime_state.cond"), r.optSize("_gil_runtime_state")
	return from != absent && futex >= gil+Addr(from) && futex < gil+Addr(to)
}
