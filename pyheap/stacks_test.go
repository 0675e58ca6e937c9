package pyheap

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"testing"
)

// toldFrame is what Python says of a frame.
type toldFrame struct {
	Name, Qualname, File string
	Code                 uint64
	First, Line          int
	Locals               map[string]uint64 // nil where they are in a dict
}

// toldThreads is what testdata/stacks.py says of its threads.
type toldThreads struct {
	Frames  []toldFrame
	Threads map[string]struct {
		Name   string
		Daemon bool
		Native uint64
		Frames []toldFrame
	}
}

// TestStacks compares the frames of all threads with what Python says: names, lines, locals.
func TestStacks(t *testing.T) {
	for _, python := range pythons(t) {
		t.Run(strings.ReplaceAll(python, "/", "_"), func(t *testing.T) {
			tg := start(t, python, testdata("stacks.py"))
			var want toldThreads
			if err := json.Unmarshal([]byte(tg.lines[0]), &want); err != nil {
				t.Fatal(err)
			}
			h := tg.heap
			threads, err := h.Threads()
			if err != nil || len(threads) != len(want.Threads)+1 || len(want.Threads) != 3 {
				t.Fatalf("%d threads, want %d: %v", len(threads), len(want.Threads)+1, err)
			}
			objects := h.ThreadObjects()
			for _, th := range threads {
				frames, err := h.Frames(th.Addr)
				if err != nil {
					t.Fatal(err)
				}
				if th.IsMain {
					compareFrames(t, h, frames, want.Frames, true)
					continue
				}
				w, ok := want.Threads[strconv.FormatUint(th.ThreadID, 10)]
				if !ok {
					t.Errorf("Python has no thread %d", th.ThreadID)
					continue
				}
				compareFrames(t, h, frames, w.Frames, false)
				if o := objects[th.ThreadID]; o.Name != w.Name || o.Daemon == nil || *o.Daemon != w.Daemon {
					t.Errorf("thread %d is %+v, want %q", th.ThreadID, o, w.Name)
				}
				if h.atLeast(11) && th.NativeID != w.Native {
					t.Errorf("thread %d of the kernel is %d, want %d", th.ThreadID, th.NativeID, w.Native)
				}
			}
			checkCollector(t, h, true)
		})
	}
	checkCollector(t, start(t, python311, testdata("stacks.py"), "disabled").heap, false)
}

func checkCollector(t *testing.T, h *Heap, enabled bool) {
	t.Helper()
	c := h.GC()
	if c.Enabled != enabled || c.Collecting || len(c.Generations) != 3 {
		t.Fatalf("the collector is %+v", c)
	}
	for i, want := range []int64{1234, 7, 5} {
		if g := c.Generations[i]; g.Threshold != want || g.Count < 0 || g.Count > 1e6 {
			t.Errorf("generation %d is %+v, want a threshold of %d", i, g, want)
		}
	}
}

// compareFrames compares a stack. The newest frame of one that a child told of has gone on.
func compareFrames(t *testing.T, h *Heap, got []Frame, want []toldFrame, gone bool) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d frames, Python has %d", len(got), len(want))
	}
	for i := range got {
		f, w := &got[i], &want[i]
		if f.Name != w.Name || f.Qualname != w.Qualname || !strings.HasSuffix(f.File, w.File) || f.Code != Addr(w.Code) {
			t.Errorf("frame %d is %+v, Python says %+v", i, f, w)
			continue
		}
		if file, first, ok := h.CodeStart(f.Code); !ok || file != f.File || first != w.First {
			t.Errorf("the code of %s begins at %s:%d, Python says %d", f.Name, file, first, w.First)
		}
		if again, err := h.FrameAt(f.Addr); err != nil || again.Line != f.Line || again.Code != f.Code {
			t.Errorf("the frame at %v is %+v (%v), not %+v", f.Addr, again, err, f)
		}
		if gone && i == 0 {
			continue
		}
		if f.Line != w.Line {
			t.Errorf("frame %d, %s, is in line %d, Python says %d", i, f.Qualname, f.Line, w.Line)
		}
		if w.Locals == nil {
			continue
		}
		locals := map[string]uint64{}
		for _, l := range f.Locals {
			locals[l.Name] = uint64(l.Value)
		}
		if !maps.Equal(locals, w.Locals) {
			t.Errorf("frame %d, %s, has locals %#x, Python says %#x", i, f.Qualname, locals, w.Locals)
		}
	}
}
