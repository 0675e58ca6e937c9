package pyheap

// CField gives a number or pointer of the C struct of an object, by its name there ("rlock_count", "lock._bits"),
// zero-extended. The struct is that of [Heap.StructOf]. Errors: *ObjectError where there is no object or its memory is
// not known, *LayoutError where no debug information describes the type or it has no such field of up to 8 bytes.
func (h *Heap) CField(obj Addr, name string) (uint64, error) {
	at, size, err := h.CFieldAddr(obj, name)
	if err != nil {
		return 0, err
	}
	b, ok := h.view.bytes(uint64(at), size)
	if !ok {
		return 0, &ObjectError{Addr: obj, Want: "an object", Err: errNotMapped}
	}
	var v uint64
	for i, c := range b {
		v |= uint64(c) << (8 * i)
	}
	return v, nil
}

// CFieldAddr gives the address and the size, in bytes up to 8, of what [Heap.CField] reads. Errors are the same.
func (h *Heap) CFieldAddr(obj Addr, name string) (at Addr, size uint64, err error) {
	lay, typ, ok := h.StructOf(obj)
	if !ok {
		return 0, 0, &ObjectError{Addr: obj, Want: "an object with a known struct"}
	}
	f, err := lay.FieldOf(typ, name)
	if err != nil || f.Size > 8 || f.BitSize != 0 {
		return 0, 0, &LayoutError{Missing: []string{typ.String() + "." + name}}
	}
	return obj + Addr(f.Offset), f.Size, nil
}

// Lock is the state of a lock of module _thread.
type Lock struct {
	Held      bool
	Recursive bool   // it is an RLock
	Owner     uint64 // of an RLock that is held: the [Thread.ThreadID] of the thread that holds it
}

// lockStates say where the state of a lock is: the first that the debug information knows.
var lockStates = map[string][]struct{ held, owner string }{
	// gh-125139 made it a PyMutex, whose lowest bit says that it is held, in 3.14.
	"_thread.lock": {{held: "locked"}, {held: "lock._bits"}},
	// gh-125541 made it a _PyRecursiveMutex in 3.14.
	"_thread.RLock": {{"rlock_count", "rlock_owner"}, {"lock.mutex._bits", "lock.thread"}},
}

// LockTypes are the types whose objects [Heap.Lock] knows.
func LockTypes() []string { return []string{"_thread.lock", "_thread.RLock"} }

// Lock reads the state of a lock or RLock. Errors: those of [Heap.CField].
func (h *Heap) Lock(obj Addr) (l Lock, err error) {
	name, err := h.TypeName(obj)
	if err != nil {
		return l, err
	}
	err = &ObjectError{Addr: obj, Want: "a lock"}
	for _, s := range lockStates[name] {
		var held uint64
		if held, err = h.CField(obj, s.held); err != nil {
			continue
		}
		if s.held == "rlock_count" {
			l.Held = held != 0
		} else {
			l.Held = held&1 != 0
		}
		if l.Recursive = s.owner != ""; l.Recursive && l.Held {
			l.Owner, err = h.CField(obj, s.owner)
		}
		return l, err
	}
	return l, err
}
