package pyheap

import (
	"testing"
	"time"

	"pyfreeze/procmem"
	"pyfreeze/symbols"
)

// interpreter opens the memory of a process, and finds its interpreter and the layout of that.
func interpreter(t *testing.T, pid int) (*procmem.Live, *symbols.Interpreter, *symbols.Layout) {
	t.Helper()
	live, err := procmem.OpenLive(pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = live.Close() })
	maps, err := procmem.ReadMaps(pid)
	if err != nil {
		t.Fatal(err)
	}
	in, err := symbols.Identify(maps, live)
	if err != nil {
		t.Fatal(err)
	}
	lay, err := symbols.LoadLayout(in.Module.File)
	if err != nil {
		t.Fatal(err)
	}
	return live, in, lay
}

// TestState reads the state of a thread that waits for input, of one that never lets the GIL go, and
// of one that collects garbage, from memory that changes while it is read.
func TestState(t *testing.T) {
	for _, python := range pythons(t) {
		for _, c := range []struct {
			name, script       string
			locked, collecting bool
		}{
			{"blocked", "print('READY', flush=True); input()", false, false},
			{"busy", "print('READY', flush=True)\nwhile True: pass", true, false},
			{"collecting", "import gc; gc.disable()\nx = [[] for i in range(10**6)]\nprint('READY', flush=True)\nwhile True: gc.collect()", true, true},
		} {
			t.Run(c.name, func(t *testing.T) {
				live, in, lay := interpreter(t, run(t, python, "-c", c.script))
				r, err := NewStateReader(in, lay)
				if err != nil {
					t.Fatal(err)
				}
				var st State
				for i := 0; i < 500; i++ { // the target takes a while to get there
					if st, err = r.Read(live); err != nil {
						t.Fatal(err)
					}
					if st.GILLocked == c.locked && st.GCCollecting == c.collecting {
						break
					}
					time.Sleep(time.Millisecond)
				}
				if st.GILLocked != c.locked || st.GCCollecting != c.collecting || st.Finalizing || st.GILHolder == 0 {
					t.Errorf("state is %+v", st)
				}
				one, err := ReadState(live, in, lay)
				holder, herr := r.Holder(live)
				if herr != nil || holder != st.GILHolder {
					t.Errorf("Holder gives %#x, %v; the state is %+v", holder, herr, st)
				}
				if err != nil || one.GILHolder != st.GILHolder {
					t.Errorf("ReadState gives %+v, %v", one, err)
				}
			})
		}
	}
}

func TestReadStateFails(t *testing.T) {
	tg := start(t, python311, "-c", "print('READY', flush=True); input()")
	empty, err := procmem.NewSpace(nil)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := ReadState(empty, tg.heap.in, tg.heap.lay); err == nil {
		t.Errorf("state of empty memory is %+v", st)
	}
	if _, err := Open(empty, tg.heap.in, tg.heap.lay); err == nil {
		t.Error("Open of empty memory succeeds")
	}
}
