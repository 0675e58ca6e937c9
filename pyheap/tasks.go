package pyheap

import (
	"fmt"
	"slices"
	"strings"
)

// Task is a task of asyncio.
type Task struct {
	Addr     Addr
	TypeName string
	Name     string
	State    string // pending, cancelled, finished
	Coro     Addr   // 0 when it is gone
	Chain    []Addr // the coroutines, the outermost first
	Waits    Addr   // what the innermost waits for; 0: nothing
	Loop     Addr
}

const maxTasks = 1 << 20

// taskSets are where asyncio keeps its tasks, until 3.13: weak sets, and a set
// (Lib/asyncio/tasks.py).
var taskSets = []string{"_all_tasks", "_scheduled_tasks", "_eager_tasks"}

// Tasks gives the tasks that asyncio knows, in the order of addresses. ok is false where it does
// not say, as from 3.14 on, where only a walk finds them ([Walk.Tasks]).
func (h *Heap) Tasks() (out []Task, ok bool) {
	m, imported := h.module("asyncio.tasks")
	if !imported {
		return nil, true
	}
	if h.atLeast(14) {
		return nil, false
	}
	defer h.begin(h.callLimit())()
	var found []uint64
	for _, name := range taskSets {
		set, ok := h.dictGet(uint64(h.Dict(m)), name)
		if !ok {
			continue
		}
		if data, err := h.Attr(Addr(set), "data"); err == nil { // a WeakSet
			set = uint64(data)
		}
		members, err := h.SetItems(Addr(set), maxTasks)
		if err != nil {
			continue
		}
		for _, r := range members {
			a := uint64(r)
			if !h.isTask(a) {
				a, _ = h.view.u64(a + wrappedPointer) // wr_object of a weak reference
			}
			if h.isTask(a) {
				found = append(found, a)
			}
		}
	}
	return h.tasks(found), true
}

// Tasks gives all tasks of asyncio, also those that ended and are still referred to.
func (w *Walk) Tasks() []Task {
	var found []uint64
	for _, name := range taskTypes {
		for _, o := range w.OfType(name) {
			if a := uint64(o.Addr); len(found) < maxTasks {
				found = append(found, a)
			}
		}
	}
	defer w.h.begin(w.h.walkLimit())()
	return w.h.tasks(found)
}

// taskTypes are the types of tasks: in C, in Python.
var taskTypes = []string{"_asyncio.Task", "asyncio.tasks.Task", "asyncio.tasks._PyTask"}

func (h *Heap) isTask(a uint64) bool {
	if !h.isObject(a) {
		return false
	}
	t, err := h.typeOf(a)
	for i := 0; err == nil && t != nil && i < maxBaseDepth; t, i = t.base, i+1 {
		if slices.Contains(taskTypes, h.nameOf(t)) {
			return true
		}
	}
	return false
}

func (h *Heap) tasks(found []uint64) (out []Task) {
	slices.Sort(found)
	for _, a := range slices.Compact(found) {
		t, err := h.typeOf(a)
		if err != nil || h.exhausted() {
			continue
		}
		k := Task{Addr: Addr(a), TypeName: h.nameOf(t), Coro: Addr(h.taskField(a, "task_coro", "_coro")),
			Loop: Addr(h.taskField(a, "task_loop", "_loop"))}
		if n := h.taskField(a, "task_name", "_name"); n != 0 {
			var err error
			if k.Name, err = h.str(n, maxName); err != nil { // since 3.13 a number until it is asked for
				if i, err := h.Int(Addr(n)); err == nil {
					k.Name = fmt.Sprintf("Task-%d", i)
				}
			}
		}
		k.State = h.futureState(a, t)
		if k.Coro != 0 && k.State == "pending" {
			k.Chain, k.Waits = h.AwaitChain(k.Coro)
		}
		if w := h.taskField(a, "task_fut_waiter", "_fut_waiter"); w != 0 && k.Waits == 0 {
			if t, err := h.typeOf(w); err == nil && h.nameOf(t) != "builtins.NoneType" {
				k.Waits = Addr(w)
			}
		}
		out = append(out, k)
	}
	return out
}

// taskField reads a field of a task by its name in C or, in a task of Python code, by that of the
// attribute.
func (h *Heap) taskField(a uint64, c, python string) uint64 {
	for _, name := range []string{c, python} {
		if v, ok := h.Member(Addr(a), name); ok {
			return uint64(v)
		}
	}
	if v, err := h.Attr(Addr(a), python); err == nil {
		t, err := h.typeOf(uint64(v))
		if err == nil && h.nameOf(t) != "builtins.getset_descriptor" {
			return uint64(v)
		}
	}
	if c != "task_coro" {
		return 0
	}
	t, err := h.typeOf(a) // without debug information: the one word that leads to a coroutine
	if err != nil {
		return 0
	}
	for off := h.off.objectSize; off+8 <= t.basicsize; off += 8 {
		v, _ := h.view.u64(a + off)
		if !h.isObject(v) {
			continue
		}
		if vt, err := h.typeOf(v); err == nil && vt.kind == kindGen {
			return v
		}
	}
	return 0
}

// futureStates are fut_state of Modules/_asynciomodule.c.
var futureStates = []string{"pending", "cancelled", "finished"}

func (h *Heap) futureState(a uint64, t *typeInfo) string {
	for i := 0; t != nil && i < maxBaseDepth; t, i = t.base, i+1 {
		p := h.shapeOf(t).own
		if p == nil {
			continue
		}
		for _, name := range []string{"task_state", "fut_state"} {
			if f, err := p.lay.Field(p.name, name); err == nil {
				if n, ok := h.view.u32(a + f.Offset); ok && int(n) < len(futureStates) {
					return futureStates[n]
				}
			}
		}
	}
	if v, err := h.Attr(Addr(a), "_state"); err == nil {
		if s, err := h.str(uint64(v), maxName); err == nil {
			return strings.ToLower(s)
		}
	}
	return "pending"
}

// Children gives the futures that a future of asyncio.gather waits for.
func (h *Heap) Children(future Addr) []Addr {
	v, err := h.Attr(future, "_children")
	if err != nil {
		return nil
	}
	items, _, err := h.Items(v, maxTasks)
	if err != nil {
		return nil
	}
	var out []Addr
	for _, it := range items {
		out = append(out, it.Value)
	}
	return out
}
