package snapshot

import (
	"pyfreeze/procmem"
	"pyfreeze/symbols"
	"pyfreeze/tracer"
)

// gilLock is the lock that the thread which holds the GIL takes when it gives it away, and only then: in an interpreter without symbols
// drop_gil is known by its call of pthread_mutex_lock(&gil->mutex).
type gilLock struct {
	function procmem.Addr // pthread_mutex_lock; 0 where drop_gil is known
	mutex    procmem.Addr
}

// lockOfGIL finds the lock in a twin.
func (s *seeker) lockOfGIL(w *tracer.Process) (l gilLock, err error) {
	if len(s.drops) > 0 {
		return l, nil
	}
	gil, err := s.state.GIL(w)
	if err != nil {
		return l, err
	}
	f, err := s.lay.Field("_gil_runtime_state", "mutex") // Include/internal/pycore_gil.h, FORCE_SWITCHING or not
	if err != nil {
		return l, err
	}
	maps, err := procmem.ReadMaps(w.PID())
	if err != nil {
		return l, err
	}
	mods, err := s.in.Source.Modules(maps, w)
	if err != nil && len(mods) == 0 {
		return l, err
	}
	defer symbols.CloseModules(mods)
	for i := range mods {
		// libc has it since glibc 2.34, libpthread before.
		if sym, ok := mods[i].File.Dynsym("pthread_mutex_lock"); ok {
			l.function = sym.Addr + mods[i].Bias
		}
	}
	l.mutex = gil + procmem.Addr(f.Offset)
	return l, nil
}

// taken says whether a thread that has come to a breakpoint at a is where it was to come: what stops at the lock's function may be after
// another lock.
func (l gilLock) taken(w *tracer.Process, a procmem.Addr) (bool, error) {
	if l.function == 0 || a != l.function {
		return true, nil
	}
	regs, err := w.Regs(w.PID())
	if err != nil {
		return false, err
	}
	return firstArgument(&regs) == uint64(l.mutex), nil
}
