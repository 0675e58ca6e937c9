package snapshot

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
	"pyfreeze/restore/internal/target"
	"pyfreeze/symbols"
)

// streams are text streams and buffers in which something waits: what was written and is in no file
// yet.
const streams = `
import _io, io, json, os, random, sys
rng, told, kept = random.Random(5), [], []
def written(text): return sum(map(len, text))
for i in range(40):
    name = os.path.join(os.environ["TMPDIR"], "s%d" % i)
    raw = open(name, "wb", buffering=0)
    size = rng.choice([16, 512, 8192])
    buffer = io.BufferedWriter(raw, size)
    encoding = rng.choice(["ascii", "utf-8", "utf-16", "latin-1"])
    text = None if i % 4 == 0 else io.TextIOWrapper(buffer, encoding, errors="replace",
        line_buffering=rng.random() < .2, write_through=rng.random() < .2, newline=rng.choice([None, "\r\n", ""]))
    n = 0
    for _ in range(rng.randrange(12)):
        words = rng.choice(["a", "\xe9\xff", "\u65e5\n", "line\n", "x" * rng.randrange(9000)])
        if text is None:
            n += buffer.write(words.encode("utf-8"))
        else:
            text.write(words)
        if rng.random() < .15: (text or buffer).flush()
    kept.append((text, buffer, raw))
    # What a forked child sees in the file once all is flushed, without what was there before.
    before = os.path.getsize(name)
    if not os.fork():
        (text or buffer).flush()
        os._exit(0)
    os.wait()
    after = os.path.getsize(name)
    os.truncate(name, before)
    told.append([id(text or buffer), after - before, text is None])
odd = [io.StringIO(), io.BytesIO(b"x" * 99), open(os.devnull, "wb", buffering=0), sys, None,
    io.BufferedReader(open("/dev/zero", "rb", buffering=0))]
odd[0].write("text"); odd[-1].peek(10)
kept.append(odd)
told += [[id(o), 0, True] for o in odd]
print("ready")
print(json.dumps([[id(_io.TextIOWrapper), id(_io.BufferedWriter)], told]), flush=True)
sys.stdin.readline()
`

// TestWaits: what waits in a stream is what a flush would write.
func TestWaits(t *testing.T) {
	each(t, func(t *testing.T, exe string) {
		p := target.Talk(t, exe, streams)
		var types [2]procmem.Addr
		var told [][3]any
		if err := json.Unmarshal([]byte(p.Line()), &[]any{&types, &told}); err != nil {
			t.Fatal(err)
		}
		s, _ := readerOf(t, p.PID())
		if n := s.waits(procmem.Addr(told[1][0].(float64))); n != 0 {
			t.Errorf("%d bytes wait in a stream of an unknown type", n)
		}
		s.textType, s.bufferType = types[0], types[1]
		some := 0
		for i, w := range told {
			at, want, buffer := procmem.Addr(w[0].(float64)), uint64(w[1].(float64)), w[2].(bool)
			if got := s.waits(at); got != want {
				t.Errorf("stream %d: %d bytes wait, a flush writes %d", i, got, want)
			}
			if word := s.pendingAt(at); (word == 0) != buffer {
				t.Errorf("stream %d keeps its count at %v", i, word)
			}
			if want > 0 {
				some++
			}
		}
		if some < 10 {
			t.Errorf("something waits in %d streams only", some)
		}
	})
}

// atForks registers functions of all kinds for a fork.
const atForks = `
import functools, json, os, sys, threading
def of(name, text):
    space = {}
    exec(compile(text, name, "exec"), space)
    return space
a = of("/a.py", "def f(): pass")["f"]
b = of("/b.py", "class C:\n    def m(self): pass\nc = C()")["c"]
c = of("/\xe9.py", "f = lambda: None")["f"]
d = of("/native.py", "import gc\nf = gc.collect")["f"]
os.register_at_fork(before=a)
os.register_at_fork(after_in_parent=b.m)
os.register_at_fork(before=c, after_in_child=c)
os.register_at_fork(after_in_child=d)
os.register_at_fork(before=functools.partial(a))
gate = threading.Lock()
gate.acquire()
def local(first, second):
    here = "the value"
    print(json.dumps([id(first), id(second), id(here)]), flush=True)
    sys.stdin.readline()
    if second: threading.Thread(target=gate.acquire, daemon=True).start()
    print("started", flush=True)
    sys.stdin.readline()
print("ready")
local([1], {2})
`

// TestForkFiles: the files are found of all functions that run at a fork, and the values of local
// variables, and whether there is another thread.
func TestForkFiles(t *testing.T) {
	each(t, func(t *testing.T, exe string) {
		p := target.Talk(t, exe, atForks)
		var locals []procmem.Addr
		if err := json.Unmarshal([]byte(p.Line()), &locals); err != nil {
			t.Fatal(err)
		}
		p.Reading()
		s, tstate := readerOf(t, p.PID())
		files := s.forkFiles(tstate)
		for _, want := range []string{"/a.py", "/b.py", "/é.py"} {
			if !files[want] {
				t.Errorf("%s is not among %v", want, slices.Sorted(maps.Keys(files)))
			}
		}
		if files["/native.py"] || files[""] {
			t.Errorf("a function in C has a file: %v", files)
		}
		f := s.frames(tstate, 1)[0]
		for i, want := range locals {
			if got := s.local(f, i); got != want {
				t.Errorf("local variable %d is %v, want %v", i, got, want)
			}
		}
		for name, want := range map[string]bool{"readline": true, "stdin": true, "acquire": true, "nothing": false,
			"first": false, "": false} {
			if s.uses(f.code, name) != want {
				t.Errorf("%s is used: %t", name, !want)
			}
		}
		if s.others(tstate) {
			t.Error("there is another thread already")
		}
		if said := p.Ask(""); said != "started" {
			t.Fatal(said)
		}
		p.Reading()
		if !s.others(tstate) {
			t.Error("the other thread is not seen")
		}
	})
}

// TestNativeStackOfReader names the C functions by which a thread has come to a system call, as its
// registers and stack have them.
func TestNativeStackOfReader(t *testing.T) {
	each(t, func(t *testing.T, exe string) {
		p := target.Talk(t, exe, "import sys, os\nprint('ready', flush=True)\nos.read(0, 1)")
		p.Reading()
		s, _ := readerOf(t, p.PID())
		maps, err := procmem.ReadMaps(p.PID())
		if err != nil {
			t.Fatal(err)
		}
		in, err := symbols.Identify(maps, s.mem)
		if err != nil {
			t.Fatal(err)
		}
		lay, err := symbols.LoadLayout(in.Module.File)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []unix.PtraceRegs{{}, {Rip: uint64(in.Bias), Rsp: 1}, {Rip: ^uint64(0), Rsp: ^uint64(7)},
			{Rip: uint64(in.Module.Range.Start) + 64, Rsp: uint64(in.Module.Range.Start)}} {
			if got := nativeStack(in, lay, s.mem, r); len(got) > maxNative {
				t.Errorf("%d functions for %+v", len(got), r)
			}
		}
		sym, err := lay.Symbol("PyObject_Repr")
		if err != nil {
			t.Fatal(err)
		}
		at := unix.PtraceRegs{Rip: uint64(in.Bias + sym.Addr), Rsp: 0x1000}
		if got := fmt.Sprint(nativeStack(in, lay, s.mem, at)); got != "[PyObject_Repr]" {
			t.Errorf("at the entry of PyObject_Repr without a stack: %s", got)
		}
	})
}
