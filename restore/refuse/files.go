package refuse

import (
	"fmt"
	"os"
	"path/filepath"

	"pyfreeze/pyheap"
)

// finalizers looks for what removes files when a process ends: every thaw would remove those of the target.
func (t *Target) finalizers() (out []Offender) {
	h, w := t.Heap, t.Walk
	live := registered(h)
	known := map[pyheap.Addr]bool{}
	for _, o := range w.OfType("tempfile.TemporaryDirectory") {
		f, err := h.Attr(o.Addr, "_finalizer")
		name, err2 := h.Attr(o.Addr, "name")
		if err != nil || err2 != nil {
			continue
		}
		if _, ok := live[f]; ok && o.Kept() {
			known[f] = true
			out = append(out, Offender{"", w.Path(o.Addr), "the temporary directory " + h.Repr(name, 80) + ", which every thaw would delete",
				"clean it up before the freeze"})
		}
	}
	for _, o := range w.OfType("tempfile._TemporaryFileCloser") {
		del, ok := intAttr(h, o.Addr, "delete")
		called, _ := intAttr(h, o.Addr, "close_called")
		cleaned, _ := intAttr(h, o.Addr, "cleanup_called") // 3.12 (gh-58451)
		name, err := h.Attr(o.Addr, "name")
		if ok && del != 0 && called == 0 && cleaned == 0 && err == nil && o.Kept() {
			out = append(out, Offender{"", w.Path(o.Addr), "the temporary file " + h.Repr(name, 80) + ", which every thaw would delete",
				"close it before the freeze"})
		}
	}
	for f, info := range live {
		if path := ownedPath(h, info); path != "" && !known[f] {
			fn, _ := h.Attr(info, "func")
			out = append(out, Offender{"finalizer", w.Path(f), fmt.Sprintf("a finalizer, %s, of %s, which every thaw would call", h.Repr(fn, 60), path),
				"call or detach it before the freeze"})
		}
	}
	return out
}

// registered returns the objects of weakref.finalize that are still to be called, each with its weakref.finalize._Info.
func registered(h *pyheap.Heap) map[pyheap.Addr]pyheap.Addr {
	out := map[pyheap.Addr]pyheap.Addr{}
	registry, err := h.Lookup("weakref.finalize._registry")
	if err != nil {
		return out // weakref was not imported
	}
	items, err := h.DictItems(registry, -1)
	if err != nil {
		return out
	}
	for _, it := range items {
		out[it.Key] = it.Value
	}
	return out
}

// ownedPath gives the file or directory among the arguments of a finalizer that is called at the end of the process.
func ownedPath(h *pyheap.Heap, info pyheap.Addr) string {
	const maxArgs = 16
	if atexit, ok := intAttr(h, info, "atexit"); ok && atexit == 0 {
		return ""
	}
	args, err := h.Attr(info, "args")
	if err != nil {
		return ""
	}
	items, err := h.TupleItems(args, maxArgs)
	if err != nil {
		return ""
	}
	for _, a := range items {
		path, err := h.Str(a)
		if err != nil {
			b, err := h.Bytes(a)
			if err != nil {
				continue
			}
			path = string(b)
		}
		if !filepath.IsAbs(path) {
			continue
		}
		if _, err := os.Lstat(path); err == nil {
			return fmt.Sprintf("%q", path)
		}
	}
	return ""
}
