package pyheap

// Thread is a Python thread: a PyThreadState.
type Thread struct {
	Addr     Addr   // the tstate
	Interp   Addr   // its interpreter
	ThreadID uint64 // pthread_self()
	NativeID uint64 // the tid of the kernel; 0 before 3.11, which does not keep it
	IsMain   bool   // the thread that signal handlers run in
}

// A target has no reason to have more of them; it bounds a corrupt list.
const (
	maxInterpreters = 1 << 12
	maxThreads      = 1 << 18
)

// Interpreters gives the PyInterpreterStates, newest first: the main one is last.
func (h *Heap) Interpreters() ([]Addr, error) {
	r := &resolver{lay: h.lay}
	head := r.must("_PyRuntimeState.interpreters.head")
	next := r.must("PyInterpreterState.next")
	if err := r.err(); err != nil {
		return nil, err
	}
	return h.chain(h.runtime+head, next, maxInterpreters, "a list of interpreters")
}

// chain follows a NULL-terminated list whose head pointer is at head.
func (h *Heap) chain(head, next uint64, limit int, what string) ([]Addr, error) {
	var out []Addr
	p, ok := h.view.u64(head)
	for ok && p != 0 {
		if len(out) == limit {
			return nil, &ObjectError{Addr: Addr(head), Want: what, Err: errLoop}
		}
		out = append(out, Addr(p))
		p, ok = h.view.u64(p + next)
	}
	if !ok {
		return nil, &ObjectError{Addr: Addr(p), Want: what, Err: errNotMapped}
	}
	return out, nil
}

// Threads gives the threads of all interpreters, those of the main interpreter last, newest first.
func (h *Heap) Threads() ([]Thread, error) {
	r := &resolver{lay: h.lay}
	head := r.must("PyInterpreterState.threads.head", "PyInterpreterState.tstate_head")
	next := r.must("PyThreadState.next")
	id := r.must("PyThreadState.thread_id")
	native := r.opt("PyThreadState.native_thread_id")
	mainThread := r.must("_PyRuntimeState.main_thread")
	if err := r.err(); err != nil {
		return nil, err
	}
	mainID, _ := h.view.u64(h.runtime + mainThread)
	interps, err := h.Interpreters()
	if err != nil {
		return nil, err
	}
	var out []Thread
	for _, in := range interps {
		states, err := h.chain(uint64(in)+head, next, maxThreads, "a list of threads")
		if err != nil {
			return nil, err
		}
		for _, ts := range states {
			t := Thread{Addr: ts, Interp: in}
			t.ThreadID, _ = h.view.u64(uint64(ts) + id)
			if native != absent {
				t.NativeID, _ = h.view.u64(uint64(ts) + native)
			}
			t.IsMain = t.ThreadID == mainID && uint64(in) == h.main
			out = append(out, t)
		}
	}
	return out, nil
}
