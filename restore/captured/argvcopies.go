package captured

import (
	"strings"

	"pyfreeze/pyheap"
)

// ArgvCopy is a list that became the default of an argument when a module was imported, as in def main(argv=sys.argv[1:]): a thaw fills it
// anew. What else a module copies of sys.argv may be meant to stay, and is for a recipe.
type ArgvCopy struct {
	Path string `json:"path"` // a Python expression
	From int    `json:"from"` // it is sys.argv[From:]
}

// ArgvCopies finds lists that have the very objects of sys.argv, or of what follows its first. An empty one cannot be told.
func ArgvCopies(h *pyheap.Heap, w *pyheap.Walk) []ArgvCopy {
	const maxArgs, maxCopies = 1 << 12, 100
	out := []ArgvCopy{}
	argv, err := h.Lookup("sys.argv")
	if err != nil {
		return out
	}
	items, err := h.ListItems(argv, maxArgs)
	if err != nil {
		return out
	}
	found := map[pyheap.Addr]int{} // where each begins
	want := map[pyheap.Addr]bool{}
	for _, o := range w.OfType("builtins.list") {
		if o.Addr == argv || !o.Kept() || len(found) == maxCopies {
			continue
		}
		for from := 0; from < 2 && from < len(items); from++ {
			if sameItems(h, o.Addr, items[from:]) {
				found[o.Addr], want[o.Addr] = from, true
			}
		}
	}
	if len(found) == 0 {
		return out
	}
	// The script's own module is another one in a thaw: what leads to a function it has imported must not go through that.
	tr, err := w.Trace(pyheap.TraceOptions{Without: []string{"__main__"}, Want: want, Max: maxHolders})
	if err != nil {
		return out
	}
	for _, r := range tr.References() {
		if path := tr.Path(r); isDefault(path) {
			out = append(out, ArgvCopy{path, found[r.To]})
		}
	}
	return out
}

// isDefault says whether a path is one, that Python can evaluate, to the default of a function's argument.
func isDefault(path string) bool {
	return strings.HasPrefix(path, "sys.modules[") && !strings.Contains(path, " ") &&
		(strings.Contains(path, ".__defaults__[") || strings.Contains(path, ".__kwdefaults__["))
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
