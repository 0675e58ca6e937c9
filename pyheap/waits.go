package pyheap

import (
	"fmt"
	"slices"
	"strings"
)

// Wait is what a thread waits for, as its frames and the futex that it sleeps at tell.
type Wait struct {
	Lock Addr // the lock that it sleeps for; 0 where that is not known
	// what the caller waits for: a queue, a Condition, an Event, a thread, the lock itself
	Object Addr
	// of the object, that waits ("get", "wait", "join"); "" where code in C takes the lock
	Method string
	GIL    bool // it waits for the GIL
}

// waitingFrames are the functions of the standard library in which a thread waits for what they are
// a method of, by module and name. Those that take no lock of their own are outer ones of others.
var waitingFrames = map[string]map[string]bool{
	"threading": {"Condition.wait": true, "Condition.wait_for": true, "Event.wait": true,
		"Semaphore.acquire": true,
		"Barrier.wait":      true, "Barrier._wait": true, "Barrier._enter": true,
		"Thread.join":                  true,
		"Thread.start":                 true,
		"Thread._wait_for_tstate_lock": true, "_RLock.acquire": true},
	"queue": {"Queue.get": true, "Queue.put": true, "Queue.join": true,
		"_PySimpleQueue.get": true},
	"concurrent.futures._base": {"Future.result": true, "Future.exception": true},
	"_frozen_importlib":        {"_ModuleLock.acquire": true},
}

// inner are those that sleep themselves; any other is one only as the caller of one of these.
var innerFrames = map[string]bool{"Condition.wait": true, "Thread.join": true,
	"Thread._wait_for_tstate_lock": true,
	"_RLock.acquire":               true, "_ModuleLock.acquire": true}

const waitSearch = 8 // innermost frames in which the lock is looked for

// WaitOf tells what a thread waits for. Its frames are given newest first, as by [Heap.Frames];
// futex is where it sleeps, 0 where it does not, or where that is not known. index finds locks by
// their [Heap.LockWord]; without it they are looked for among the objects that the frames have.
func (h *Heap) WaitOf(frames []Frame, futex Addr, index func(word Addr) Addr) (w Wait, ok bool) {
	defer h.begin(h.callLimit())()
	if futex == 0 {
		return w, false
	}
	if h.GILWait(futex) {
		return Wait{GIL: true}, true
	}
	if index == nil {
		index = h.locksOf(frames)
	}
	for _, word := range h.Parked(futex) {
		if w.Lock = index(word); w.Lock != 0 {
			break
		}
	}
	w.Object, w.Method = h.waitObject(frames, w.Lock)
	if w.Object == 0 {
		w.Object = w.Lock
	}
	return w, w.Object != 0
}

// waitObject climbs from the innermost frame through those of the standard library that wait.
func (h *Heap) waitObject(frames []Frame, lock Addr) (obj Addr, method string) {
	for i := range frames {
		name := frames[i].Name
		self := frames[i].local("self")
		module := h.frameModule(&frames[i])
		full := h.waitingName(module, name, self)
		if full == "" || self == 0 {
			break
		}
		if i == 0 {
			// of Condition.wait; it sleeps for another lock to take its own again
			waiter := frames[i].local("waiter")
			if !innerFrames[full] || full == "Condition.wait" && lock != 0 && lock != waiter ||
				full == "_ModuleLock.acquire" && lock != 0 && !h.isWakeup(self, lock) {
				break
			}
		}
		obj, method = self, name
	}
	return obj, method
}

// isWakeup says whether a lock is the one that wakes those who wait for a lock of a module.
func (h *Heap) isWakeup(module, lock Addr) bool {
	a, err := h.Attr(module, "wakeup")
	return err == nil && a == lock
}

// waitingName gives the key of waitingFrames of a function with that self.
func (h *Heap) waitingName(module, name string, self Addr) string {
	for full := range waitingFrames[module] {
		if n := len(full) - len(name); n > 0 && full[n:] == name && full[n-1] == '.' && h.isA(self,
			module+"."+full[:n-1]) {
			return full
		}
	}
	return ""
}

// isA says whether an object is of the named type or of one that derives from it.
func (h *Heap) isA(obj Addr, name string) bool {
	t, err := h.typeOf(uint64(obj))
	if err != nil {
		return false
	}
	if h.nameOf(t) == name {
		return true
	}
	mro, _ := h.view.u64(t.addr + h.off.typ.mro)
	items, err := h.TupleItems(Addr(mro), maxBaseDepth)
	return err == nil && slices.ContainsFunc(items, func(b Addr) bool {
		bt := h.typeAt(uint64(b))
		return bt != nil && h.nameOf(bt) == name
	})
}

// frameModule gives the __name__ in the globals of a frame.
func (h *Heap) frameModule(fr *Frame) string {
	globals, _ := h.view.u64(uint64(fr.Addr) + h.off.frame.globals)
	name, _ := h.strAttr(Addr(h.untag(globals)), "__name__")
	if name == "importlib._bootstrap" { // imported once more, not frozen
		name = "_frozen_importlib"
	}
	return name
}

func (fr *Frame) local(name string) Addr {
	for _, l := range fr.Locals {
		if l.Name == name {
			return l.Value
		}
	}
	return 0
}

// locksOf finds locks among what the innermost frames have in their locals and on their stacks, and
// among the attributes of these.
func (h *Heap) locksOf(frames []Frame) func(word Addr) Addr {
	return func(word Addr) Addr {
		is := func(a Addr) bool {
			at, ok := h.LockWord(a)
			return ok && at == word
		}
		for _, fr := range frames[:min(len(frames), waitSearch)] {
			seen := map[Addr]bool{}
			values := h.stackValues(uint64(fr.Addr))
			for _, l := range fr.Locals {
				values = append(values, l.Value)
			}
			for _, v := range values {
				if seen[v] {
					continue
				}
				if seen[v] = true; is(v) {
					return v
				}
				for _, r := range h.attributesOf(v) {
					if is(r) {
						return r
					}
				}
			}
		}
		return 0
	}
}

// stackValues gives the objects that the stack of a frame has, or had: what lies above its end may
// be left over.
func (h *Heap) stackValues(f uint64) (out []Addr) {
	p, _ := h.view.u64(f + h.off.frame.code)
	locals, stack, ok := h.slots(h.untag(p))
	if !ok {
		return nil
	}
	b := h.view.clip(f+h.off.frame.localsplus+locals*8, stack*8)
	h.work += uint64(len(b)) / 8
	for i := uint64(0); i < uint64(len(b))/8; i++ {
		if v := h.untag(le64(b, i*8)); v != 0 && h.isObject(v) {
			out = append(out, Addr(v))
		}
	}
	return out
}

const maxLockAttributes = 64 // of an object that are looked at

// attributesOf gives what an object keeps in its attributes, or what a method is bound to.
func (h *Heap) attributesOf(a Addr) (out []Addr) {
	t, err := h.typeOf(uint64(a))
	if err != nil || slices.Contains([]kind{kindType, kindModule, kindStr, kindBytes, kindInt,
		kindFloat}, t.kind) {
		return nil
	}
	refs := h.Edges(a)
	if d := h.Dict(a); d != 0 {
		refs = append(refs, h.Edges(d)...)
	}
	for _, r := range refs[:min(len(refs), maxLockAttributes)] {
		out = append(out, r.Object)
	}
	return out
}

// WaitsAt tells the function and the line in which a thread waits: of the newest frame that is not
// one of the standard library's that only wait. Frames are given newest first. "" where there is
// none.
func (h *Heap) WaitsAt(frames []Frame) string {
	for i := range frames {
		if _, waits := waitingFrames[h.frameModule(&frames[i])]; !waits {
			return fmt.Sprintf("%s() in %s:%d", frames[i].Qualname, frames[i].File, frames[i].Line)
		}
	}
	return ""
}

// TaskName gives the name of a task of asyncio, and where its innermost coroutine outside of
// asyncio waits.
func (h *Heap) TaskName(task Addr) (name, at string) {
	defer h.begin(h.callLimit())()
	for _, t := range h.tasks([]uint64{uint64(task)}) {
		name = t.Name
		for _, c := range t.Chain {
			if fr, _, ok := h.FrameOf(c); ok && !strings.HasPrefix(h.frameModule(&fr), "asyncio") {
				at = fmt.Sprintf("%s() in %s:%d", fr.Qualname, fr.File, fr.Line)
			}
		}
	}
	return name, at
}
