package refuse

import (
	"bytes"
	"fmt"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/restore/snapshot"
	"pyfreeze/restore/stub"
)

// locks looks for locks that are held: nobody is left in a thaw to release them.
func (t *Target) locks(c *snapshot.Copy) (out []Offender) {
	h, w := t.Heap, t.Walk
	expected := expectedLocks(h, w)
	alive := map[uint64]string{}
	threads, err := h.Threads()
	if err != nil {
		return nil // the walk has reported it
	}
	for _, t := range threads {
		alive[t.ThreadID] = "another thread"
		if t.IsMain {
			alive[t.ThreadID] = "the main thread"
		}
	}
	const remedy = "release it before the freeze"
	for _, typ := range pyheap.LockTypes() {
		for _, o := range w.OfType(typ) {
			l, err := h.Lock(o.Addr)
			if err != nil || !l.Held || !o.Kept() || expected[o.Addr] || t.heldForFork(c, o.Addr) {
				continue
			}
			what := "a lock that is held"
			if l.Recursive {
				what = "an RLock held by " + alive[l.Owner]
				if alive[l.Owner] == "" {
					what = "an RLock held by a thread that has ended"
				}
			}
			out = append(out, Offender{"lock", w.Path(o.Addr), what, remedy})
		}
	}
	for _, o := range w.OfType("threading.Semaphore") {
		value, ok := intAttr(h, o.Addr, "_value")
		limit, bounded := intAttr(h, o.Addr, "_initial_value") // of a BoundedSemaphore
		if !bounded {
			limit = 1
		}
		if ok && value < limit && o.Kept() && !expected[o.Addr] {
			what := "a semaphore at 0"
			if bounded {
				what = fmt.Sprintf("a semaphore at %d of %d", value, limit)
			}
			out = append(out, Offender{"lock", w.Path(o.Addr), what, remedy})
		}
	}
	return out
}

// heldForFork says whether a lock is held by a handler of the fork that made the copy (os.register_at_fork): then it is free again in the
// program, which has gone on as the parent.
func (t *Target) heldForFork(c *snapshot.Copy, lock pyheap.Addr) bool {
	const object, semaphore = 64, 32
	if c.AtPoint == nil {
		return false
	}
	differs := func(a procmem.Addr, n int) bool {
		then, now := make([]byte, n), make([]byte, n)
		_, err := t.Space.ReadAt(then, a)
		_, err2 := c.AtPoint.ReadAt(now, a)
		return err == nil && err2 == nil && !bytes.Equal(then, now)
	}
	if differs(lock+16, object-16) { // behind the reference count and the type
		return true
	}
	for _, name := range []string{"lock_lock", "rlock_lock"} { // until 3.12 a semaphore; then it lies in the object (gh-110481)
		if at, err := t.Heap.CField(lock, name); err == nil && at != 0 && differs(procmem.Addr(at), semaphore) {
			return true
		}
	}
	return false
}

// renewed looks for locks that the program holds where it goes on, and that a fork makes new in a
// child: it would let go of what it has not got. logging does so with its own and those of its
// handlers (_after_at_fork_child_reinit_locks); of others it is told by handlers of the fork that
// have taken them once more in the copy than the program has at its point.
func (t *Target) renewed(c *snapshot.Copy) (out []Offender) {
	h := t.Heap
	if c.AtPoint == nil {
		return nil
	}
	handlers := map[pyheap.Addr]bool{}
	for _, o := range t.Walk.OfType("logging.Handler") {
		if lock, err := h.Attr(o.Addr, "lock"); err == nil {
			handlers[lock] = true
		}
	}
	for _, o := range t.Walk.OfType("_thread.RLock") {
		l, err := h.Lock(o.Addr)
		renews := handlers[o.Addr] || t.heldForFork(c, o.Addr)
		if err != nil || !l.Held || !renews || !t.heldAtPoint(c, o.Addr) {
			continue
		}
		out = append(out, Offender{"lock", t.Walk.Path(o.Addr),
			"an RLock that the main thread holds, and that is made new at a fork",
			"freeze before it is taken"})
	}
	return out
}

// heldAtPoint says whether the program holds an RLock at its point, where no handlers of a fork are
// at work.
func (t *Target) heldAtPoint(c *snapshot.Copy, lock pyheap.Addr) bool {
	for _, name := range []string{"rlock_count", "lock.mutex._bits"} { // until 3.13; gh-125541
		at, size, err := t.Heap.CFieldAddr(lock, name)
		if err != nil {
			continue
		}
		var b [8]byte
		_, err = c.AtPoint.ReadAt(b[:size], procmem.Addr(at))
		return err == nil && b != [8]byte{}
	}
	return false
}

// expectedLocks are those that are held in any process at rest.
func expectedLocks(h *pyheap.Heap, w *pyheap.Walk) map[pyheap.Addr]bool {
	out := map[pyheap.Addr]bool{}
	attr := func(typ, name string) (values []pyheap.Addr) {
		for _, o := range w.OfType(typ) {
			if v, err := h.Attr(o.Addr, name); err == nil {
				values = append(values, v)
			}
		}
		return values
	}
	// A thread holds this one for as long as it runs; threading lets go of those of threads that a thaw has not, as after
	// a fork. Until 3.12 (gh-114271).
	for _, a := range attr("threading.Thread", "_tstate_lock") {
		out[a] = true
	}
	// A thread that waits for a condition holds one, which notify() releases.
	for _, a := range attr("threading.Condition", "_waiters") {
		items, _, err := h.Items(a, -1)
		for i := 0; err == nil && i < len(items); i++ {
			out[items[i].Value] = true
		}
	}
	// It counts idle workers: 0 is where it begins (bpo-24882).
	for _, a := range attr("concurrent.futures.thread.ThreadPoolExecutor", "_idle_semaphore") {
		out[a] = true
	}
	return out
}

func intAttr(h *pyheap.Heap, obj pyheap.Addr, name string) (int64, bool) {
	a, err := h.Attr(obj, name)
	if err != nil {
		return 0, false
	}
	n, err := h.Int(a)
	return n, err == nil
}

// BufferLocks returns what unlocks every buffered stream that a thread was in, as where it was frozen in sys.stdin.readline(): none of
// them goes on where the program runs again. A lock is a PyThread_type_lock, a sem_t with its value in the low 32 bits.
func (t *Target) BufferLocks() (out []stub.Poke) {
	lock, err := t.Layout.Field("buffered", "lock")
	owner, err2 := t.Layout.Field("buffered", "owner")
	if err != nil || err2 != nil {
		return nil
	}
	for _, typ := range []string{"_io.BufferedReader", "_io.BufferedWriter", "_io.BufferedRandom"} {
		for _, o := range t.Walk.OfType(typ) {
			who, err := t.Space.U64(o.Addr + procmem.Addr(owner.Offset))
			at, err2 := t.Space.U64(o.Addr + procmem.Addr(lock.Offset))
			if err != nil || err2 != nil || who == 0 || at == 0 {
				continue
			}
			out = append(out, stub.Poke{Addr: uint64(o.Addr) + owner.Offset, Size: 8}, stub.Poke{Addr: at, Value: 1, Size: 4})
		}
	}
	return out
}
