package pyheap

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// lockFacts is what testdata/python/locked.py says of itself.
type lockFacts struct {
	Addresses map[string]string
	Held      map[string][2]any
	Waits     [][3]string
	Circles   [][]string
	Threads   map[string][2]uint64 // ident, tid
	Tasks     map[string]string
}

// sleeping gives the threads with the futexes that the kernel says they sleep at.
func (f *lockFacts) sleeping(t *testing.T, tg *target) (out []LockThread) {
	t.Helper()
	threads, err := tg.heap.Threads()
	if err != nil {
		t.Fatal(err)
	}
	for _, th := range threads {
		l := LockThread{Thread: th}
		for _, ids := range f.Threads {
			if ids[0] != th.ThreadID {
				continue
			}
			b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/syscall", tg.pid, ids[1]))
			if err != nil {
				t.Fatal(err)
			}
			if w := strings.Fields(string(b)); w[0] == "202" || w[0] == "219" {
				n, err := strconv.ParseUint(w[1], 0, 64)
				if err != nil {
					t.Fatal(err)
				}
				l.Futex = Addr(n)
			}
		}
		out = append(out, l)
	}
	return out
}

func (f *lockFacts) party(p Party) string {
	for name, a := range f.Tasks {
		if p.Task != 0 && a == p.Task.String() {
			return name
		}
	}
	for name, ids := range f.Threads {
		if p.Task == 0 && ids[0] == p.Thread {
			return name
		}
	}
	return fmt.Sprint(p)
}

// TestLockReport compares what is told of locks with what the program knows of them.
func TestLockReport(t *testing.T) {
	for _, python := range pythons(t) {
		t.Run(strings.ReplaceAll(python, "/", "_"), func(t *testing.T) {
			tg := start(t, python, "../testdata/python/locked.py", "--deadlock")
			var f lockFacts
			if err := json.Unmarshal([]byte(tg.lines[0]), &f); err != nil {
				t.Fatal(err)
			}
			threads := f.sleeping(t, tg)
			r, err := tg.walk(t).Locks(threads)
			if err != nil {
				t.Fatal(err)
			}
			uses := map[string]LockUse{}
			for _, u := range r.Uses {
				for name, a := range f.Addresses {
					if a == u.Addr.String() {
						uses[name] = u
					}
				}
			}
			for name, want := range f.Held {
				u, ok := uses[name]
				var owners []any
				for _, o := range u.Owners {
					owners = append(owners, f.party(o))
				}
				if !ok || !u.Held || fmt.Sprint(owners) != fmt.Sprint(want[0]) && want[0] != nil ||
					want[0] == nil && owners != nil || u.Inferred != want[1] {
					t.Errorf("%s is %+v, held by %v; want %v", name, u, owners, want)
				}
			}
			told := 0
			for _, u := range uses {
				told += len(u.Waiters)
			}
			for _, want := range f.Waits {
				if !slices.ContainsFunc(uses[want[1]].Waiters,
					func(w LockWaiter) bool {
						return f.party(w.Party) == want[0] &&
							w.Method == want[2]
					}) {
					t.Errorf("%q does not wait for %q in %q: %+v", want[0], want[1], want[2],
						uses[want[1]])
				}
			}
			if extra := told - len(f.Waits); extra != 0 {
				t.Errorf("%d more waiters than there are", extra)
			}
			var circles []string
			for _, c := range r.Deadlocks {
				var names []string
				for _, st := range c {
					names = append(names, f.party(st.Party))
				}
				slices.Sort(names)
				circles = append(circles, fmt.Sprint(names))
			}
			slices.Sort(circles)
			var want []string
			for _, c := range f.Circles {
				want = append(want, fmt.Sprint(c))
			}
			slices.Sort(want)
			if !slices.Equal(circles, want) {
				t.Errorf("deadlocks %v, want %v", circles, want)
			}
			f.withoutWalk(t, tg, threads)
		})
	}
}

// withoutWalk compares what is told of threads without a walk of the heap.
func (f *lockFacts) withoutWalk(t *testing.T, tg *target, threads []LockThread) {
	t.Helper()
	r, err := tg.heap.ThreadLocks(threads)
	if err != nil {
		t.Fatal(err)
	}
	waits := map[string]string{}
	for _, u := range r.Uses {
		for _, w := range u.Waiters {
			waits[f.party(w.Party)] = u.Addr.String() + w.Method
		}
	}
	for _, want := range f.Waits {
		if _, task := f.Tasks[want[0]]; !task && waits[want[0]] != f.Addresses[want[1]]+want[2] {
			t.Errorf("without a walk, %q waits for %q, want %q at %s", want[0], waits[want[0]],
				want[1], f.Addresses[want[1]])
		}
	}
}

// TestHandlerAt reads an exception table as the compiler writes it.
func TestHandlerAt(t *testing.T) {
	// (start 2, length 70, handler 5, depth 3 with lasti), (start 90, length 1, handler 9, depth 0)
	table := []byte{0x80 | 2, 0x40 | 1, 6, 5, 7, 0x80 | 0x40 | 1, 26, 1, 9, 0}
	for at, want := range map[uint64][2]uint64{0: {}, 4: {10, 3}, 142: {10, 3}, 144: {}, 180: {18,
		0}} {
		handler, depth, ok := handlerAt(table, at)
		if got := [2]uint64{handler, depth}; got != want || ok != (want[0] != 0) {
			t.Errorf("at %d: %v %t, want %v", at, got, ok, want)
		}
	}
	for n := range table {
		handlerAt(table[:n], 4) // does not fail
	}
}

// FuzzHandlerAt: whatever a table says, the search for the handlers of handlers ends.
func FuzzHandlerAt(f *testing.F) {
	f.Add([]byte{0x82, 0x41, 6, 5, 7, 0xc1, 26, 1, 9, 0}, uint64(4))
	f.Add([]byte{0x80, 0x7f}, uint64(1<<63))
	f.Fuzz(func(t *testing.T, table []byte, at uint64) {
		for range maxTryBlocks {
			handler, _, ok := handlerAt(table, at)
			if !ok || int64(handler) < 0 {
				return
			}
			at = handler
		}
	})
}
