package pyheap

import (
	"fmt"
	"strings"
	"testing"
)

// TestLocks reads locks and RLocks, held by this thread, by one that ended, and by none.
func TestLocks(t *testing.T) {
	for _, python := range pythons(t) {
		t.Run(strings.ReplaceAll(python, "/", "_"), func(t *testing.T) {
			tg := start(t, python, testdata("locks.py"))
			var ident uint64
			if _, err := fmt.Sscanf(tg.lines[len(tg.lines)-1], "IDENT %d", &ident); err != nil {
				t.Fatal(err)
			}
			w := tg.walk(t)
			for _, line := range tg.lines[:len(tg.lines)-1] {
				var name string
				var a uint64
				var state int
				if _, err := fmt.Sscanf(line, "LOCK %s %v %d", &name, &a, &state); err != nil {
					t.Fatalf("%q: %v", line, err)
				}
				l, err := tg.heap.Lock(Addr(a))
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				owned := name == "rheld" || name == "rtwice"
				if l.Held != (state == 1) || owned != (l.Owner == ident) || l.Recursive != (name[0] == 'r' || name == "left") {
					t.Errorf("%s is %+v", name, l)
				}
				if _, ok := w.Find(Addr(a)); !ok {
					t.Errorf("%s was not found", name)
				}
			}
			if l, err := tg.heap.Lock(mustLookup(t, tg.heap, "sys.modules")); err == nil {
				t.Errorf("a dict is a lock: %+v", l)
			}
		})
	}
}
