package refuse

import (
	"fmt"
	"slices"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/restore/memory"
	"pyfreeze/symbols"
)

// children looks for child processes that were not waited for.
func (t *Target) children() (out []Offender) {
	h, w := t.Heap, t.Walk
	child := func(o pyheap.Object, popen pyheap.Addr) {
		code, err := h.Attr(popen, "returncode")
		pid, err2 := h.Attr(popen, "pid")
		if err != nil || err2 != nil || !o.Kept() {
			return
		}
		if name, err := h.TypeName(code); err == nil && name == "builtins.NoneType" {
			out = append(out, Offender{"child", w.Path(o.Addr), "a child process that was not waited for, " + h.Repr(pid, 20), "wait for it before the freeze"})
		}
	}
	for _, o := range w.OfType("subprocess.Popen") {
		child(o, o.Addr)
	}
	for _, o := range w.OfType("multiprocessing.process.BaseProcess") {
		if popen, err := h.Attr(o.Addr, "_popen"); err == nil {
			child(o, popen)
		}
	}
	return out
}

// loops looks for event loops of asyncio that run: their tasks wait in frames that a thaw abandons.
func (t *Target) loops() (out []Offender) {
	h, w := t.Heap, t.Walk
	for _, o := range w.OfType("asyncio.base_events.BaseEventLoop") {
		if _, running := intAttr(h, o.Addr, "_thread_id"); running && o.Kept() {
			out = append(out, Offender{"asyncio", w.Path(o.Addr), "a running event loop", "freeze before it runs"})
		}
	}
	return out
}

// watchdog notices faulthandler.dump_traceback_later: the thread that waits is not in a thaw. native is the number of threads that
// the process has.
func (t *Target) watchdog(native int) []Offender {
	var at uint64
	t.Layout.Vars(func(v symbols.Var) { // a static variable of faulthandler.c, until gh-57684 moved it in 3.12
		if v.Name != "thread" {
			return
		}
		if _, err := t.Layout.FieldOf(v.Type, "cancel_event"); err == nil {
			if header, err := t.Layout.FieldOf(v.Type, "header"); err == nil {
				at = uint64(v.Addr+t.Bias) + header.Offset
			}
		}
	})
	if header, err := t.Layout.Field("_PyRuntimeState", "faulthandler.thread.header"); at == 0 && err == nil {
		at = uint64(t.Runtime) + header.Offset
	}
	words := t.recovered("thread.file")
	if at != 0 {
		words = []procmem.Addr{procmem.Addr(at)}
	}
	threads, err := t.Heap.Threads()
	if err != nil || native <= len(threads) {
		return nil
	}
	waiting := slices.ContainsFunc(words, func(at procmem.Addr) bool {
		v, err := t.Space.U64(at)
		return err == nil && v != 0
	})
	if !waiting {
		return nil
	}
	return []Offender{{"", "", "faulthandler.dump_traceback_later is waiting", "call faulthandler.cancel_dump_traceback_later() before the freeze"}}
}

// shared names who maps memory that is shared with other processes and that they could change.
func (t *Target) shared(list []memory.Shared) (out []Offender) {
	for _, s := range list {
		name := s.Path
		if name == "" {
			name = "no file"
		}
		o := Offender{"", "", fmt.Sprintf("%s of %s (%v)", s.What, name, s.Range), "close what maps it before the freeze"}
		for _, by := range []struct{ typ, field string }{{"mmap.mmap", "data"}, {"_multiprocessing.SemLock", "handle"}} {
			for _, m := range t.Walk.OfType(by.typ) {
				if at, err := t.Heap.CField(m.Addr, by.field); err == nil && s.Range.Contains(pyheap.Addr(at)) {
					o.Path = t.Walk.Path(m.Addr)
				}
			}
		}
		out = append(out, o)
	}
	return out
}
