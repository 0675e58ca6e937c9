package restore

import (
	"fmt"
	"slices"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/symbols"
)

// refuseChildren looks for child processes that were not waited for.
func refuseChildren(h *pyheap.Heap, w *pyheap.Walk) (out []Offender) {
	child := func(o pyheap.Object, popen pyheap.Addr) {
		code, err := h.Attr(popen, "returncode")
		pid, err2 := h.Attr(popen, "pid")
		if err != nil || err2 != nil || !isKept(o) {
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

// refuseLoops looks for event loops of asyncio that run: their tasks wait in frames that a thaw abandons.
func refuseLoops(h *pyheap.Heap, w *pyheap.Walk) (out []Offender) {
	for _, o := range w.OfType("asyncio.base_events.BaseEventLoop") {
		if _, running := intAttr(h, o.Addr, "_thread_id"); running && isKept(o) {
			out = append(out, Offender{"asyncio", w.Path(o.Addr), "a running event loop", "freeze before it runs"})
		}
	}
	return out
}

// refuseWatchdog notices faulthandler.dump_traceback_later: the thread that waits is not in a thaw, which would then wait for
// it. native is the number of threads that the process has.
func refuseWatchdog(f *frozen, h *pyheap.Heap, lay *symbols.Layout, t *target, native int) []Offender {
	var at uint64
	lay.Vars(func(v symbols.Var) { // a static variable of faulthandler.c, until gh-57684 moved it in 3.12
		if v.Name != "thread" {
			return
		}
		if _, err := lay.FieldOf(v.Type, "cancel_event"); err == nil {
			if header, err := lay.FieldOf(v.Type, "header"); err == nil {
				at = uint64(v.Addr+t.bias) + header.Offset
			}
		}
	})
	if header, err := lay.Field("_PyRuntimeState", "faulthandler.thread.header"); at == 0 && err == nil {
		at = uint64(t.runtime) + header.Offset
	}
	words := recovered(h, t, "thread.file")
	if at != 0 {
		words = []procmem.Addr{procmem.Addr(at)}
	}
	threads, err := h.Threads()
	if err != nil || native <= len(threads) {
		return nil
	}
	waiting := slices.ContainsFunc(words, func(at procmem.Addr) bool {
		word, err := f.find(at, 8)
		return err == nil && le.Uint64(word) != 0
	})
	if !waiting {
		return nil
	}
	return []Offender{{"", "", "faulthandler.dump_traceback_later is waiting", "call faulthandler.cancel_dump_traceback_later() before the freeze"}}
}

// refuseShared names who maps memory that is shared with other processes and that they could change.
func refuseShared(h *pyheap.Heap, w *pyheap.Walk, shared []procmem.Region) (out []Offender) {
	for _, s := range shared {
		o := Offender{"", "", fmt.Sprintf("shared writable memory of %s (%v)", s.Mapping.Path, s.Range), "close what maps it before the freeze"}
		for _, by := range []struct{ typ, field string }{{"mmap.mmap", "data"}, {"_multiprocessing.SemLock", "handle"}} {
			for _, m := range w.OfType(by.typ) {
				if at, err := h.CField(m.Addr, by.field); err == nil && s.Range.Contains(pyheap.Addr(at)) {
					o.Path = w.Path(m.Addr)
				}
			}
		}
		out = append(out, o)
	}
	return out
}
