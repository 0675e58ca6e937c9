package pyheap

import (
	"slices"
	"testing"

	"pyfreeze/symbols"
)

// TestObjectStructs: the C struct that debug information gives a type is as long as Python says
// that its objects are.
func TestObjectStructs(t *testing.T) {
	eachPython(t, func(t *testing.T, python string) {
		var want map[string]uint64
		tg := toldBy(t, python, `
import array, collections, datetime, decimal, functools, itertools, re, struct, threading, weakref
def all_types():
    todo, seen = [object], {}
    while todo:
        t = todo.pop()
        if id(t) not in seen:
            seen[id(t)] = t
            todo += type.__subclasses__(t)
    return seen.values()
def ask():
    sizes = {}
    for t in all_types():
        sizes.setdefault(name_of(t), set()).add((t.__basicsize__, t.__itemsize__))
    return {n: min(s)[0] for n, s in sizes.items() if len(s) == 1 and not min(s)[1]}
tell(ask)
`, &want)
		tg.walk(t)
		list, modules, err := tg.heap.ObjectStructs()
		if err != nil {
			t.Fatal(err)
		}
		compared := 0
		for _, o := range list {
			lay, size := tg.heap.lay, want[o.Type]
			if o.Module != "" {
				lay = modules[o.Module]
			}
			if lay == nil || size == 0 {
				continue
			}
			compared++
			fits := func(s *symbols.Struct) bool { return s.Size == size }
			if !slices.ContainsFunc(lay.StructsNamed(o.Struct), fits) {
				t.Errorf("objects of %s are said to be a %s, Python says of %d bytes", o.Type, o.Struct, size)
			}
		}
		if compared < 40 {
			t.Errorf("%d of %d structs were compared", compared, len(list))
		}
	})
}
