package freeze

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/restore/internal/copied"
	"pyfreeze/restore/internal/target"
	"pyfreeze/restore/memory"
	"pyfreeze/restore/snapshot"
	"pyfreeze/restore/stub"
)

// busy stands deep in calls, in the handler of an exception, in a trace function and a generator.
const busy = `
import sys
def trace(frame, event, arg):
    if frame.f_code.co_name == 'bottom' and event == 'line':
        sys.settrace(None)
        print('ready', flush=True)
        sys.stdin.readline()
    return trace
def bottom():
    x = 1
def gen():
    try:
        yield 1
        raise KeyError(1)
    except KeyError:
        sys.settrace(trace)
        bottom()
        yield 2
def deep(n):
    if n:
        return deep(n - 1)
    try:
        1/0
    except ZeroDivisionError:
        for _ in gen(): pass
deep(50)`

// poke changes the words of a copy, as the stub does in a thaw.
func poke(t *testing.T, sp *procmem.Space, pokes []stub.Poke) {
	t.Helper()
	for _, p := range pokes {
		b, err := sp.Edit(procmem.Addr(p.Addr), uint64(p.Size))
		if err != nil {
			t.Fatal(err)
		}
		for i := range b {
			b[i] = byte(p.Value >> (8 * i))
		}
	}
}

// fields reads fields of the main thread's state, those that this version has.
func fields(t *testing.T, f *freezing, names ...string) map[string]uint64 {
	t.Helper()
	out := map[string]uint64{}
	for _, name := range names {
		at, size, err := f.target.Field(f.target.Tstate, "PyThreadState", name)
		if err != nil {
			continue
		}
		v, err := f.number(at, size)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = v
	}
	return out
}

// A thread that was in the middle of everything is, for a program that runs again, as that of an
// interpreter which runs nothing: in every version of Python.
func TestRerunPokes(t *testing.T) {
	for _, exe := range target.Interpreters(t) {
		t.Run(strings.ReplaceAll(exe[1:], "/", "-"), func(t *testing.T) {
			p := target.Talk(t, exe, busy)
			p.Reading()
			f := until(t, copied.Of(t, p.PID()), Options{}, "looking for what cannot be cloned")
			if frames := framesOf(t, f); len(frames) < 53 {
				t.Fatalf("it has %d frames", len(frames))
			}
			pokes, err := f.rerunPokes()
			if err != nil {
				t.Fatal(err)
			}
			poke(t, f.copy.Space, pokes)
			if frames := framesOf(t, f); len(frames) > 0 {
				t.Errorf("it still has the frames %v", frames)
			}
			v := fields(t, f, "recursion_depth", "recursion_remaining", "recursion_limit",
				"py_recursion_remaining", "py_recursion_limit", "tracing", "curexc_type",
				"current_exception", "exc_state.exc_value", "exc_state.exc_type",
				"exc_state.previous_item", "exc_info", "cframe", "overflowed")
			for name, got := range v {
				want, ok := v[strings.Replace(name, "remaining", "limit", 1)]
				switch {
				case strings.HasSuffix(name, "limit"):
					ok = ok && got >= 1000
				case name == "exc_info", name == "cframe":
					field := map[string]string{"exc_info": "exc_state", "cframe": "root_cframe"}[name]
					at, _, err := f.target.Field(f.target.Tstate, "PyThreadState", field)
					ok = err == nil && got == uint64(at)
				case strings.HasSuffix(name, "remaining"):
					ok = ok && got == want
				default:
					ok = got == 0
				}
				if !ok {
					t.Errorf("%s is %d (%d)", name, got, want)
				}
			}
			if len(v) < 6 {
				t.Errorf("it has no more than the fields %v", v)
			}
			for _, x := range pokes {
				if x.Size == 0 || x.Size > 8 {
					t.Errorf("a word of %d bytes", x.Size)
				}
			}
		})
	}
}

// Without its other threads an interpreter has a GIL that nobody holds, or waits for, and no
// request for it.
func TestWithoutOthers(t *testing.T) {
	for _, exe := range target.Interpreters(t) {
		t.Run(strings.ReplaceAll(exe[1:], "/", "-"), func(t *testing.T) {
			p := target.Talk(t, exe, `
import sys, threading
def work():
    while 1: [[] for _ in range(100)]
for _ in range(2):
    threading.Thread(target=work, daemon=True).start()
print('ready', flush=True)
sys.stdin.readline()`)
			f := until(t, copied.Of(t, p.PID()), Options{}, "looking for what cannot be cloned")
			f.copy.Kind = snapshot.Waiting
			locked, err := f.gilLocked()
			if err != nil {
				t.Fatal(err)
			}
			pokes, err := f.withoutOthers()
			if err != nil {
				t.Fatal(err)
			}
			poke(t, f.copy.Space, []stub.Poke{{Addr: uint64(locked), Value: 1, Size: 4}})
			poke(t, f.copy.Space, pokes)
			st, err := pyheap.ReadState(f.copy.Space, f.copy.Interp, f.copy.Layout)
			if err != nil || st.GILLocked {
				t.Errorf("%+v, %v", st, err)
			}
			if v := fields(t, f, "eval_breaker")["eval_breaker"]; v&1 != 0 {
				t.Errorf("somebody waits for the GIL: %#x", v)
			}
			for _, in := range []struct {
				base procmem.Addr
				typ  string
			}{{f.target.Interp, "PyInterpreterState"}, {f.target.Runtime, "_PyRuntimeState"}} {
				at, size, err := f.target.Field(in.base, in.typ, "ceval.gil_drop_request")
				if err != nil {
					continue // of another version
				}
				if v, err := f.number(at, size); v != 0 || err != nil {
					t.Errorf("%s says that somebody waits for the GIL: %d, %v", in.typ, v, err)
				}
			}
		})
	}
}

// What a program has freed is in no image, unless that is asked for.
func TestDeadMemory(t *testing.T) {
	const secret = "hunter2-correct-horse"
	program := "def f():\n s = '" + secret[:8] + "'\n" +
		" kept = [s + '" + secret[8:] + "' * 3 for _ in range(1000)]\nf()"
	for _, keep := range []bool{false, true} {
		c := copied.Of(t, waiting(t, program).PID())
		o := Options{KeepDead: keep, Output: filepath.Join(t.TempDir(), "image")}
		if _, err := Image(t.Context(), c, o); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(o.Output)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(b), secret); (n > 0) != keep {
			t.Errorf("keeping dead memory %v: it is there %d times", keep, n)
		}
	}
}

// The standard streams forget whether they could seek; other files do not.
func TestForgetSeekable(t *testing.T) {
	p := waiting(t, "for f in sys.stdin, sys.stdout: f.seekable()\n"+
		"json.f = open('/etc/passwd', 'rb', 0); json.f.seekable()")
	f := until(t, copied.Of(t, p.PID()), Options{}, "clearing dead memory")
	seekable := func() (list []int) {
		t.Helper()
		layout := f.copy.Layout
		fd, err := layout.Field("fileio", "fd")
		if err != nil {
			t.Fatal(err)
		}
		bits, err := layout.Field("fileio", "seekable")
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range f.walk.OfType("_io.FileIO") {
			n, err := f.copy.Space.I32(o.Addr + procmem.Addr(fd.Offset))
			word, err2 := f.number(o.Addr+procmem.Addr(bits.Offset), 4)
			if err != nil || err2 != nil {
				t.Fatal(err, err2)
			}
			if word>>bits.BitOffset&3 != 3 { // -1: not known
				list = append(list, int(n))
			}
		}
		return list
	}
	before := len(seekable())
	if err := f.forgetSeekable(memory.Editor{Space: f.copy.Space}); err != nil {
		t.Fatal(err)
	}
	if left := seekable(); before < 3 || len(left) != 1 || left[0] < 3 {
		t.Errorf("of %d, these know: %v", before, left)
	}
}

// A module that was changed after the process began may not be what it has imported: it is told,
// and no thaw fits.
func TestStaleSources(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "stale.py")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(30 * time.Millisecond)
	for _, changed := range []bool{false, true} {
		p := waiting(t, "sys.path.insert(0, '"+dir+"'); import stale")
		if changed {
			time.Sleep(30 * time.Millisecond)
			if err := os.WriteFile(path, []byte("#"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c := copied.Of(t, p.PID())
		f := until(t, c, Options{}, "describing the process")
		err := f.guards.Check(c.Start.Environ)
		if (err != nil) != changed || len(f.stale) > 0 != changed {
			t.Errorf("changed %v: %v, stale %v", changed, err, f.stale)
		}
	}
}
