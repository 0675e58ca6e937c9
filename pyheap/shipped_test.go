package pyheap

import (
	"path/filepath"
	"reflect"
	"testing"

	"pyfreeze/symbols"
)

// TestShippedLayouts reads the same memory by debug information and by the layouts that are shipped, which must agree.
func TestShippedLayouts(t *testing.T) {
	for _, python := range pythons(t) {
		t.Run(filepath.Base(filepath.Dir(filepath.Dir(python)))+filepath.Base(python), func(t *testing.T) {
			tg := start(t, python, testdata("census.py"))
			h := tg.heap
			if h.lay.Shipped() {
				t.Skip("no debug information to compare with")
			}
			lay, err := symbols.LoadShippedLayout(h.in.Module.File)
			if err != nil {
				t.Fatal(err)
			}
			off, err := loadOffsets(lay)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(off, h.off) {
				t.Errorf("offsets differ:\n%+v\n%+v", off, h.off)
			}
			s, err := Open(h.sp, h.in, lay)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if !h.atLeast(12) {
				table, count, ok := h.alloc.arenaTable()
				found, n, ok2 := s.alloc.arenaTable()
				if !ok || !ok2 || table != found || n < count || n > count+1 {
					t.Errorf("found %d arenas at %#x (%t), the symbols say %d at %#x (%t)", n, found, ok2, count, table, ok)
				}
			}
			if err := s.Check(); err != nil {
				t.Error(err)
			}
			w, err := h.Walk(WalkOptions{})
			if err != nil {
				t.Fatal(err)
			}
			ws, err := s.Walk(WalkOptions{})
			if err != nil {
				t.Fatal(err)
			}
			missing, all := 0, 0
			w.Each(func(o Object) {
				all++
				if !found(ws, o.Addr) {
					missing++
					if missing < 10 {
						t.Logf("not found: %s", w.Path(o.Addr))
					}
				}
			})
			t.Logf("%d objects, %d are found by debug information only; opaque: %.4f, with debug information %.4f", all, missing, ws.Opaque().Share(), w.Opaque().Share())
			if missing*1000 > all {
				t.Errorf("%d of %d objects are not found", missing, all)
			}
		})
	}
}

func found(w *Walk, a Addr) bool {
	_, ok := w.Find(a)
	return ok
}

// TestWrongLayoutsAreNoticed opens interpreters with layouts in which one member that a freeze relies on is eight bytes off: every such
// mistake must be noticed.
func TestWrongLayoutsAreNoticed(t *testing.T) {
	for _, python := range pythons(t) {
		t.Run(filepath.Base(filepath.Dir(filepath.Dir(python)))+filepath.Base(python), func(t *testing.T) {
			h := start(t, python, testdata("census.py")).heap
			right, err := symbols.LoadShippedLayout(h.in.Module.File)
			if err != nil {
				t.Fatal(err)
			}
			tried := 0
			for _, m := range []struct{ typ, member string }{
				{"PyObject", "ob_type"}, {"PyTypeObject", "tp_basicsize"}, {"PyTypeObject", "tp_dict"}, {"PyTypeObject", "tp_flags"},
				{"PyDictObject", "ma_keys"}, {"PyDictKeysObject", "dk_indices"}, {"PyDictKeysObject", "dk_nentries"}, {"PyASCIIObject", "length"},
				{"PyASCIIObject", "state"}, {"PyModuleObject", "md_dict"}, {"PyThreadState", "interp"}, {"PyThreadState", "next"},
				{"PyThreadState", "thread_id"}, {"PyThreadState", "exc_info"}, {"PyThreadState", "exc_state"}, {"PyInterpreterState", "gc"},
				{"PyInterpreterState", "ceval"}, {"PyInterpreterState", "modules"}, {"PyInterpreterState", "imports"}, {"_PyRuntimeState", "interpreters"},
				{"_PyRuntimeState", "main_thread"}, {"_PyRuntimeState", "autoTSSkey"}, {"_PyRuntimeState", "gilstate"}, {"_PyRuntimeState", "ceval"},
			} {
				wrong, ok := right.Shifted(m.typ, m.member, 8)
				if !ok {
					continue // of another version
				}
				tried++
				if s, err := Open(h.sp, h.in, wrong); err == nil {
					t.Errorf("%s.%s eight bytes off is not noticed", m.typ, m.member)
					s.Close()
				} else {
					t.Logf("%s.%s: %v", m.typ, m.member, err)
				}
			}
			if tried < 15 {
				t.Errorf("only %d members tried", tried)
			}
		})
	}
}

// TestShippedOtherAllocators reads interpreters whose objects are malloc's, and those with debug hooks.
func TestShippedOtherAllocators(t *testing.T) {
	for _, allocator := range []string{"malloc", "debug", "malloc_debug"} {
		t.Run(allocator, func(t *testing.T) {
			for _, python := range pythons(t) {
				pid, _ := launch(t, "/usr/bin/env", "PYTHONMALLOC="+allocator, python, testdata("census.py"))
				stop(t, pid)
				tg := &target{pid: pid}
				tg.capture(t)
				lay, err := symbols.LoadShippedLayout(tg.heap.in.Module.File)
				if err != nil {
					t.Fatal(err)
				}
				s, err := Open(tg.heap.sp, tg.heap.in, lay)
				if err != nil {
					t.Errorf("%s: %v", python, err)
					continue
				}
				if want, got := tg.walk(t).Objects(), (&target{heap: s}).walk(t).Objects(); got < want*999/1000 || got > want*101/100 {
					t.Errorf("%s: %d objects, with debug information %d", python, got, want)
				}
				s.Close()
			}
		})
	}
}
