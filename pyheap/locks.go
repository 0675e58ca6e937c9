package pyheap

import (
	"cmp"
	"maps"
	"slices"
)

// Party is a thread or a task of asyncio: what holds a lock or waits for one.
type Party struct {
	Thread uint64 // [Thread.ThreadID]
	Task   Addr   // 0 for a thread
}

// LockWaiter is one that waits for a lock, or for what is made of locks.
type LockWaiter struct {
	Party
	Method string // in which it waits; "" where code in C does
}

// LockUse is a lock that is held, or an object that something waits for.
type LockUse struct {
	Addr Addr
	Type string
	// "lock", "RLock", "Condition", "Event", "Semaphore", "Barrier", "queue", "import lock",
	// "stream", "thread", ...
	Kind string
	Held bool
	// how often an RLock is taken, the value of a semaphore; -1 where there is none
	Count    int64
	Owners   []Party // who holds it; none where that is not known
	Inferred bool    // the owners are known by the `with` blocks that they are in
	Waiters  []LockWaiter
}

// LockThread is what is known of a thread beside its frames.
type LockThread struct {
	Thread Thread
	Futex  Addr // that it sleeps at; 0 where it does not, or where that is not known
}

// LockReport is what [Walk.Locks] finds.
type LockReport struct {
	Uses []LockUse // those that something waits for first
	// Deadlocks are circles: each party waits for the lock that stands beside it, which the next
	// one holds.
	Deadlocks [][]LockStep
	GIL       []uint64 // threads that wait for the GIL
}

// LockStep is a part of a deadlock.
type LockStep struct {
	Party
	Lock     Addr // that it waits for
	Inferred bool // who holds it is inferred
}

// lockFinder makes a LockReport.
type lockFinder struct {
	w       *Walk
	h       *Heap
	words   map[Addr]Addr // locks by their words
	uses    map[Addr]*LockUse
	within  map[Addr][]Party // who is in a with block of a lock
	threads map[Addr]uint64  // that have ended when a lock, a handle or a Thread is let go
	hidden  map[Addr]bool    // locks that are part of other things
}

// Locks tells all locks that are held, what waits for what, and who waits for each other.
func (w *Walk) Locks(threads []LockThread) (*LockReport, error) {
	defer w.h.begin(w.h.walkLimit())()
	return w.h.locks(w, threads)
}

// ThreadLocks is [Walk.Locks] for what threads wait for alone, without a walk: what is not among
// the objects that their innermost frames have, is not found.
func (h *Heap) ThreadLocks(threads []LockThread) (*LockReport, error) {
	defer h.begin(h.callLimit())()
	return h.locks(nil, threads)
}

func (h *Heap) locks(w *Walk, threads []LockThread) (_ *LockReport, err error) {
	defer guard(&err)
	f := &lockFinder{w: w, h: h, words: map[Addr]Addr{}, uses: map[Addr]*LockUse{},
		within:  map[Addr][]Party{},
		threads: map[Addr]uint64{}, hidden: map[Addr]bool{}}
	var index func(word Addr) Addr
	if w != nil {
		index = func(word Addr) Addr { return f.words[word] }
		f.indexWords()
	}
	f.threadLocks()
	f.parts()
	out := &LockReport{}
	frames := make([][]Frame, len(threads))
	for i, t := range threads {
		frames[i], _ = h.Frames(t.Thread.Addr) // those before a damage
		f.enter(frames[i], Party{Thread: t.Thread.ThreadID})
	}
	var tasks []Task
	if w != nil {
		tasks = f.tasks()
		f.held()
	}
	for i, t := range threads {
		wait, ok := h.WaitOf(frames[i], t.Futex, index)
		switch {
		case !ok:
		case wait.GIL:
			out.GIL = append(out.GIL, t.Thread.ThreadID)
		default:
			f.waits(wait, Party{Thread: t.Thread.ThreadID})
		}
	}
	f.importLock(threads)
	f.asyncWaits(tasks)
	out.Deadlocks = f.circles(tasks)
	for _, u := range f.uses {
		out.Uses = append(out.Uses, *u)
	}
	slices.SortFunc(out.Uses, func(a, b LockUse) int {
		return cmp.Or(cmp.Compare(min(len(b.Waiters), 1), min(len(a.Waiters), 1)),
			cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Addr, b.Addr))
	})
	return out, nil
}

// each calls fn with the objects of a type or one that derives from it: none without a walk.
func (f *lockFinder) each(typ string, fn func(a Addr)) {
	if f.w == nil {
		return
	}
	for _, o := range f.w.OfType(typ) {
		fn(o.Addr)
	}
}

// indexWords notes what threads may sleep for.
func (f *lockFinder) indexWords() {
	for typ := range lockWords {
		f.each(typ, func(a Addr) {
			if word, ok := f.h.LockWord(a); ok {
				f.words[word] = a
			}
		})
	}
}

// attr gives an attribute, 0 where there is none.
func (f *lockFinder) attr(a Addr, name string) Addr {
	v, err := f.h.Attr(a, name)
	if err != nil {
		return 0
	}
	return v
}

// number gives an attribute that is an int, or the last of a list of ints.
func (f *lockFinder) number(a Addr, name string) (uint64, bool) {
	n, err := f.h.BigInt(f.attr(a, name))
	if err != nil || !n.IsUint64() {
		return 0, false
	}
	return n.Uint64(), true
}

// threadLocks notes what a thread holds for as long as it runs: until 3.12 a lock of its Thread,
// then its handle (gh-114271).
func (f *lockFinder) threadLocks() {
	for id, o := range f.h.ThreadObjects() {
		f.threads[o.Addr] = id
		for _, name := range []string{"_tstate_lock", "_handle"} {
			if a := f.attr(o.Addr, name); a != 0 {
				f.threads[a], f.hidden[a] = id, true
			}
		}
	}
}

// parts notes locks that wake those who wait for something else.
func (f *lockFinder) parts() {
	f.each("threading.Condition", func(a Addr) {
		for _, l := range f.waiters(a, "_waiters") {
			f.hidden[l] = true
		}
	})
	f.each("_frozen_importlib._ModuleLock", func(a Addr) { f.hidden[f.attr(a, "wakeup")] = true })
}

// waiters gives the items of a deque or list that is an attribute.
func (f *lockFinder) waiters(a Addr, name string) (out []Addr) {
	items, _, err := f.h.Items(f.attr(a, name), maxTasks)
	if err != nil {
		return nil
	}
	for _, it := range items {
		out = append(out, it.Value)
	}
	return out
}

// waitsReleased are the types whose wait() lets go of their lock for as long as it waits, by their
// modules.
var waitsReleased = map[string]string{"threading": "threading.Condition",
	"asyncio.locks": "asyncio.locks.Condition"}

// enter notes the with blocks of frames, newest first.
func (f *lockFinder) enter(frames []Frame, p Party) {
	released := map[Addr]bool{} // by a wait() for the Condition that they belong to
	for i := range frames {
		fr := &frames[i]
		if self := fr.local("self"); fr.Name == "wait" && self != 0 {
			for module, typ := range waitsReleased {
				if f.h.frameModule(fr) == module && f.h.isA(self, typ) {
					released[f.attr(self, "_lock")] = true
				}
			}
		}
		for _, m := range f.h.WithBlocks(fr.Addr) {
			l := f.lockIn(m)
			if l != 0 && !released[l] && !slices.Contains(f.within[l], p) {
				f.within[l] = append(f.within[l], p)
			}
		}
	}
}

// lockIn gives the lock that entering a context manager takes; 0 where it is not known.
func (f *lockFinder) lockIn(m Addr) Addr {
	for range 3 {
		switch {
		case f.h.isA(m, "threading.Condition"), f.h.isA(m, "asyncio.locks.Condition"), f.h.isA(m,
			"_frozen_importlib._ModuleLockManager"):
			m = f.attr(m, "_lock")
		case f.h.isA(m, "multiprocessing.synchronize.SemLock"):
			m = f.attr(m, "_semlock")
		default:
			return m
		}
	}
	return m
}

// use gives the entry of an object, made at the first time.
func (f *lockFinder) use(a Addr) *LockUse {
	if u := f.uses[a]; u != nil {
		return u
	}
	name, err := f.h.TypeName(a)
	if err != nil {
		name = importLockName
	}
	u := &LockUse{Addr: a, Type: name, Kind: f.kindOf(a, name), Count: -1}
	f.uses[a] = u
	return u
}

// lockKinds are what objects are called, by types that theirs may derive from.
var lockKinds = [][2]string{
	{"_thread.lock", "lock"}, {"_thread.RLock", "RLock"}, {"threading._RLock", "RLock"},
	{"threading.Condition", "Condition"},
	{"threading.Event", "Event"}, {"threading.Semaphore", "Semaphore"}, {"threading.Barrier",
		"Barrier"},
	{"threading.Thread", "thread"}, {"_thread._ThreadHandle", "thread"}, {"queue.Queue", "queue"},
	{"_queue.SimpleQueue", "queue"},
	{"queue._PySimpleQueue", "queue"}, {"_frozen_importlib._ModuleLock", "import lock"},
	{"concurrent.futures._base.Future", "future"},
	{"_io._BufferedIOBase", "stream"}, {"_multiprocessing.SemLock", "lock of multiprocessing"},
	{"asyncio.locks.Lock", "asyncio lock"}, {"asyncio.locks.Event", "asyncio Event"},
	{"asyncio.locks.Condition", "asyncio Condition"},
	{"asyncio.locks.Semaphore", "asyncio Semaphore"}, {"asyncio.queues.Queue", "asyncio queue"},
}

const importLockName = "import lock"

func (f *lockFinder) kindOf(a Addr, name string) string {
	if name == importLockName {
		return name
	}
	for _, k := range lockKinds {
		if f.h.isA(a, k[0]) {
			return k[1]
		}
	}
	return name
}

// waits notes that a thread waits.
func (f *lockFinder) waits(w Wait, p Party) {
	if f.uses[w.Object] == nil {
		f.state(w.Object)
	}
	u := f.use(w.Object)
	u.Waiters = append(u.Waiters, LockWaiter{p, w.Method})
	if id, ok := f.threads[w.Object]; ok && len(u.Owners) == 0 {
		u.Kind, u.Held, u.Owners = "thread", true, []Party{{Thread: id}}
	}
}

// sortedParties gives the keys in an order that does not change from run to run.
func sortedParties[V any](m map[Party]V) []Party {
	return slices.SortedFunc(maps.Keys(m), func(a, b Party) int {
		return cmp.Or(cmp.Compare(a.Thread, b.Thread), cmp.Compare(a.Task, b.Task))
	})
}
