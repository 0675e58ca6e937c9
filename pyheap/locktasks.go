package pyheap

// asyncWaiters are the attributes in which objects of asyncio keep the futures of those who wait,
// and what these do.
var asyncWaiters = []struct{ typ, attr, method string }{
	{"asyncio.locks.Lock", "_waiters", "acquire"}, {"asyncio.locks.Event", "_waiters", "wait"},
	{"asyncio.locks.Condition", "_waiters", "wait"}, {"asyncio.locks.Semaphore", "_waiters",
		"acquire"},
	{"asyncio.queues.Queue", "_getters", "get"}, {"asyncio.queues.Queue", "_putters", "put"},
}

// tasks gives the tasks that have not ended, and notes the `async with` blocks that they are in.
func (f *lockFinder) tasks() (out []Task) {
	tasks, known := f.h.Tasks()
	if !known {
		tasks = f.w.Tasks()
	}
	for _, t := range tasks {
		if t.State != "pending" {
			continue
		}
		out = append(out, t)
		var frames []Frame
		for _, c := range t.Chain {
			if fr, _, ok := f.h.FrameOf(c); ok {
				frames = append([]Frame{fr}, frames...)
			}
		}
		f.enter(frames, Party{Task: t.Addr})
	}
	return out
}

// asyncWaits notes locks of asyncio that are held, and the tasks that wait for what it has.
func (f *lockFinder) asyncWaits(tasks []Task) {
	by := map[Addr]Addr{} // tasks by the futures that they wait for
	for _, t := range tasks {
		by[t.Waits] = t.Addr
	}
	delete(by, 0)
	for _, k := range asyncWaiters {
		f.each(k.typ, func(a Addr) {
			for _, future := range f.waiters(a, k.attr) {
				if t := by[future]; t != 0 {
					u := f.use(a)
					u.Waiters = append(u.Waiters, LockWaiter{Party{Task: t}, k.method})
				}
			}
		})
	}
	f.each("asyncio.locks.Lock", func(a Addr) {
		if held, err := f.h.Int(f.attr(a, "_locked")); err != nil || held == 0 {
			return
		}
		u := f.use(a)
		u.Held = true
		f.infer(u, 1)
	})
	f.each("asyncio.locks.Semaphore", f.semaphore)
}

// circles gives the deadlocks: parties that wait for what the next one holds, the last for what the
// first does.
func (f *lockFinder) circles(tasks []Task) (out [][]LockStep) {
	next := map[Party]LockStep{} // by who waits: the owner, the lock
	for _, u := range f.uses {
		if len(u.Owners) != 1 || !u.Held {
			continue // one of several may let it go
		}
		for _, w := range u.Waiters {
			next[w.Party] = LockStep{Party: u.Owners[0], Lock: u.Addr, Inferred: u.Inferred}
		}
	}
	pending := map[Addr]bool{}
	for _, t := range tasks {
		pending[t.Addr] = true
	}
	for _, t := range tasks {
		if _, ok := next[Party{Task: t.Addr}]; !ok && pending[t.Waits] {
			next[Party{Task: t.Addr}] = LockStep{Party: Party{Task: t.Waits}, Lock: t.Waits}
		}
	}
	done := map[Party]bool{}
	for _, start := range sortedParties(next) {
		at := map[Party]int{}
		var path []Party
		p := start
		for !done[p] {
			if _, ok := next[p]; !ok {
				break
			}
			if i, seen := at[p]; seen {
				var circle []LockStep
				for _, q := range path[i:] {
					circle = append(circle, LockStep{q, next[q].Lock, next[q].Inferred})
				}
				out = append(out, circle)
				break
			}
			at[p] = len(path)
			path = append(path, p)
			p = next[p].Party
		}
		for _, q := range path {
			done[q] = true
		}
	}
	return out
}
