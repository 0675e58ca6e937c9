package captured

import (
	"strings"

	"pyfreeze/pyheap"
)

// Copy is what a module copied whole when it was imported, and a thaw fills anew: a list of the arguments that became the default of
// another argument, as in def main(argv=sys.argv[1:]), or a dict of the environment, as dict(os.environ). What else a module copies of
// sys.argv may be meant to stay, and is for a recipe.
type Copy struct {
	Path    string `json:"path"` // a Python expression
	Environ bool   `json:"environ"`
	From    int    `json:"from"` // of the arguments: it is sys.argv[From:]
	// Of an attribute that is the working directory: its module and name; "" for others.
	Module string `json:"module"`
	Name   string `json:"name"`
}

const maxArgs, maxCopies = 1 << 12, 100

// Copies finds them. A copy of the arguments has the very objects of sys.argv, or of what follows its first: an empty one cannot be
// told. One of the environment has all its variables, and nothing else.
func Copies(h *pyheap.Heap, w *pyheap.Walk) []Copy {
	out := []Copy{}
	want, found := map[pyheap.Addr]bool{}, map[pyheap.Addr]Copy{}
	note := func(o *pyheap.Object, c Copy) {
		if o.Kept() && len(found) < maxCopies {
			found[o.Addr], want[o.Addr] = c, true
		}
	}
	argvCopies(h, w, note)
	environCopies(h, w, note)
	if len(found) == 0 {
		return out
	}
	// The script's own module is another one in a thaw: what leads to a function it has imported must not go through that.
	tr, err := w.Trace(pyheap.TraceOptions{Without: []string{"__main__"}, Want: want, Max: maxHolders})
	if err != nil {
		return out
	}
	for _, r := range tr.References() {
		c := found[r.To]
		c.Path = tr.Path(r)
		if strings.HasPrefix(c.Path, "sys.modules[") && !strings.Contains(c.Path, " ") && (c.Environ || isDefault(c.Path)) {
			out = append(out, c)
		}
	}
	return out
}

func argvCopies(h *pyheap.Heap, w *pyheap.Walk, note func(*pyheap.Object, Copy)) {
	argv, err := h.Lookup("sys.argv")
	if err != nil {
		return
	}
	items, err := h.ListItems(argv, maxArgs)
	if err != nil {
		return
	}
	for _, o := range w.OfType("builtins.list") {
		for from := 0; from < 2 && from < len(items) && o.Addr != argv; from++ {
			if sameItems(h, o.Addr, items[from:]) {
				note(&o, Copy{From: from})
			}
		}
	}
}

// environCopies finds dicts of str that are as os.environ is.
func environCopies(h *pyheap.Heap, w *pyheap.Walk, note func(*pyheap.Object, Copy)) {
	own, err := h.Lookup("posix.environ")
	if err != nil {
		return
	}
	items, err := h.DictItems(own, maxVariables)
	if err != nil || len(items) == 0 {
		return
	}
	environ := map[string]string{}
	for _, it := range items {
		key, err := h.Bytes(it.Key)
		value, err2 := h.Bytes(it.Value)
		if err != nil || err2 != nil {
			return
		}
		environ[asText(string(key))] = asText(string(value))
	}
	for _, o := range w.OfType("builtins.dict") {
		if o.Addr != own && sameVariables(h, o.Addr, environ) {
			note(&o, Copy{Environ: true})
		}
	}
}

func sameVariables(h *pyheap.Heap, dict pyheap.Addr, environ map[string]string) bool {
	items, err := h.DictItems(dict, len(environ)+1)
	if err != nil || len(items) != len(environ) {
		return false
	}
	for _, it := range items {
		key, err := h.Str(it.Key)
		if err != nil {
			return false
		}
		want, ok := environ[key]
		if value, err := h.Str(it.Value); err != nil || !ok || value != want {
			return false
		}
	}
	return true
}

// isDefault says whether a path is one to the default of a function's argument.
func isDefault(path string) bool {
	return strings.Contains(path, ".__defaults__[") || strings.Contains(path, ".__kwdefaults__[")
}

func sameItems(h *pyheap.Heap, list pyheap.Addr, want []pyheap.Addr) bool {
	items, err := h.ListItems(list, len(want)+1)
	if err != nil || len(items) != len(want) {
		return false
	}
	for i := range items {
		if items[i] != want[i] {
			return false
		}
	}
	return true
}
