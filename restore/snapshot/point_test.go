package snapshot

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/restore/internal/target"
)

// A point is read as it is written, and what is none is refused with an example.
func FuzzParseAt(f *testing.F) {
	for _, s := range []string{"", "exit", "m:f", "a.b:C.<locals>.f", ":", "m:", ":f", "m:f:g", "m f",
		"m:f()", "exit:", "m"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, err := ParseAt(s)
		switch {
		case err != nil:
			if !strings.HasPrefix(err.Error(), "--at "+s+": give found, exit, or MODULE:FUNCTION") {
				t.Errorf("%q: %v", s, err)
			}
			if strings.Count(s, ":") == 1 && !strings.ContainsAny(s, " ()") && s[0] != ':' &&
				s[len(s)-1] != ':' {
				t.Errorf("%q is refused", s)
			}
		case at.Exit() != (s == "exit"), at.String() != s:
			t.Errorf("%q is read as %v", s, at)
		}
	})
}

// called is a package whose functions are of all kinds; each is called once, after it was marked.
const called = `
import functools, contextlib
mark = lambda n: print("call", n, flush=True)
def plain(): print("body plain", flush=True)
def deco(f):
    @functools.wraps(f)
    def wrapper(*a):
        return f(*a)
    return wrapper
@deco
def decorated(): print("body decorated", flush=True)
@functools.lru_cache(None)
def cached(): print("body cached", flush=True)
class C:
    def method(self): print("body C.method", flush=True)
    @staticmethod
    def static(): print("body C.static", flush=True)
    @classmethod
    def klass(cls): print("body C.klass", flush=True)
    @property
    def prop(self): print("body C.prop", flush=True)
    class D:
        def deep(self): print("body C.D.deep", flush=True)
def outer():
    def inner(): print("body outer.<locals>.inner", flush=True)
    return inner
def generator():
    print("body generator", flush=True)
    yield
async def coroutine(): print("body coroutine", flush=True)
def unused(): print("body unused", flush=True)
if 1:
    def twice(): print("body twice", flush=True)
else:
    def twice(): print("body twice", flush=True)
from pack.other import elsewhere, partial
calls = {"plain": plain, "decorated": decorated, "cached": cached, "C.method": C().method,
    "C.static": C.static, "C.klass": C.klass, "C.prop": lambda: C().prop, "C.D.deep": C.D().deep,
    "outer.<locals>.inner": lambda: outer()(), "generator": lambda: next(generator()),
    "coroutine": lambda: next(coroutine().__await__(), 0), "twice": twice, "elsewhere": elsewhere,
    "partial": partial}
`

// A command stops at the first call of a function of any kind, before anything of its body has
// run, and goes on to its end with nothing lost or done twice.
func TestStopsAtFunctions(t *testing.T) {
	const main = "import pack.mod as m\nfor n, f in m.calls.items():\n m.mark(n); f()\n" +
		"print('end')"
	names := strings.Fields("plain decorated cached C.method C.static C.klass C.prop C.D.deep " +
		"outer.<locals>.inner generator coroutine twice elsewhere partial")
	each(t, func(t *testing.T, exe string) {
		test := names
		if exe != target.Debian { // one of each mechanism
			test = []string{"plain", "C.D.deep", "elsewhere", "generator"}
		}
		whole := ""
		for _, n := range names {
			whole += fmt.Sprintf("call %s\nbody %s\n", n, n)
		}
		for _, name := range test {
			dir := t.TempDir()
			write(t, dir, "pack/__init__.py", "", 0o600)
			write(t, dir, "pack/mod.py", called, 0o600)
			write(t, dir, "pack/other.py", "import functools\n"+
				"def elsewhere(): print('body elsewhere', flush=True)\n"+
				"def _p(x): print('body partial', flush=True)\npartial = functools.partial(_p, 1)", 0o600)
			r := beginIn(t, dir, `exec "$@"`, exe, "-c", main).at("pack.mod:" + name)
			before, _, _ := strings.Cut(whole, "body "+name+"\n")
			if out := r.read("out"); out != before {
				t.Errorf("%s: it stops after %q", name, out)
			}
			r.fork()
			if status, out := r.goesOn(); status != 0 || out != whole+"end\n" {
				t.Errorf("%s: it ended with %v and %q", name, status, out)
			}
		}
	})
}

// A copy at a function has the values of that moment, its arguments, and only the main thread; the
// command goes on with what comes later.
func TestCopyAtFunction(t *testing.T) {
	r := begin(t, target.Debian, "-c", `
import threading
seen = ['before']
t = threading.Thread(target=threading.Event().wait, daemon=True); t.start()
def f(a, b='dflt'):
    seen.append('in')
f('argument')
seen.append('after')
print(seen)`).at("__main__:f")
	c := r.fork()
	h := heapOf(t, c)
	obj, err := h.Lookup("__main__.seen")
	if got := h.Repr(obj, 100); got != "['before']" || err != nil {
		t.Errorf("the copy has %s, %v", got, err)
	}
	threads, err := h.Threads()
	if err != nil {
		t.Fatal(err)
	}
	main := slices.IndexFunc(threads, func(th pyheap.Thread) bool { return th.IsMain })
	frames, err := h.Frames(threads[main].Addr)
	if err != nil || len(frames) == 0 || frames[len(frames)-1].Qualname != "<module>" {
		t.Errorf("frames: %+v, %v", frames, err)
	}
	if c.Kind != Forked || c.Threads[0].Regs.Rax != 0 || c.Point == nil || c.AtPoint == nil {
		t.Errorf("kind %v, fork gives %d", c.Kind, c.Threads[0].Regs.Rax)
	}
	if c.Kernel.Actions[4] != [4]uint64{} {
		t.Error("the handler of SIGTRAP is in the copy")
	}
	if status, out := r.goesOn(); status != 0 || out != "['before', 'in', 'after']\n" {
		t.Errorf("it ended with %v and %q", status, out)
	}
}

// A command that is copied as it stands has all its threads, and goes on.
func TestAsItStands(t *testing.T) {
	r := begin(t, target.Debian, "-c", `
import threading
ev = threading.Event()
threads = [threading.Thread(target=ev.wait) for _ in range(3)]
for t in threads: t.start()
def f(): ev.set()
f()
for t in threads: t.join()
print('joined')`).at("__main__:f")
	c, err := r.AsItStands()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	h := heapOf(t, c)
	threads, err := h.Threads()
	if err != nil || len(threads) != 4 || len(c.Threads) != 4 || c.Kind != Held ||
		c.GILHolder != c.PID {
		t.Errorf("%d and %d threads, kind %v, GIL of %d, %v", len(threads), len(c.Threads), c.Kind,
			c.GILHolder, err)
	}
	for i := range c.Threads { // each has its own place in the C library
		if tid, err := c.Space.I32(c.Threads[i].TidAt); err != nil || int(tid) != c.Threads[i].Tid {
			t.Errorf("thread %d is called %d, %v", c.Threads[i].Tid, tid, err)
		}
	}
	if status, out := r.goesOn(); status != 0 || out != "joined\n" {
		t.Errorf("it ended with %v and %q", status, out)
	}
}

// The names that are found in code objects are those that Python finds in them.
func TestCodeNames(t *testing.T) {
	const program = `
import sys
def walk(code, prefix=''):
    for c in code.co_consts:
        if type(c) is type(code) and c.co_name[0] != '<':
            yield prefix + c.co_name
            if not prefix:
                yield from walk(c, c.co_name + '.')
import types
source = '''%s'''
code = compile(source, 'mod.py', 'exec')
print('ready'); 
print(' '.join(sorted(set(walk(code)))), hex(id(code)), flush=True)
sys.stdin.readline()`
	each(t, func(t *testing.T, exe string) {
		p := target.Talk(t, exe, fmt.Sprintf(program, called))
		words := strings.Fields(p.Line())
		p.Reading()
		var at uint64
		if _, err := fmt.Sscanf(words[len(words)-1], "0x%x", &at); err != nil {
			t.Fatal(err)
		}
		want := words[:len(words)-1]
		tg, err := Open(t.Context(), p.PID(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer tg.Close()
		c, err := newCodeReader(tg.Layout, tg.live)
		if err != nil {
			t.Fatal(err)
		}
		code := procmem.Addr(at)
		if got := c.functions(code); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		for _, name := range want {
			found := c.find(code, strings.Split(name, "."))
			if len(found) == 0 || len(found) > 1 && name != "twice" {
				t.Errorf("%s is found %d times", name, len(found))
			}
			for _, f := range found {
				if file := c.str(f, c.file); file != "mod.py" {
					t.Errorf("%s is in %q", name, file)
				}
				if first, err := c.firstInstruction(f); err != nil || first <= 4096 {
					t.Errorf("%s begins at %v, %v", name, first, err)
				}
			}
		}
		if found := c.find(code, []string{"C", "none"}); found != nil {
			t.Errorf("what is not there is found at %v", found)
		}
	})
}

// Memory that is no code, or has changed under the reader's hands, gives nothing, in little time.
func FuzzCodeNames(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00"), uint64(8))
	f.Add([]byte(strings.Repeat("\x10\x00\x01\x00\x00\x00\x00\x00", 40)), uint64(0x10010))
	f.Fuzz(func(t *testing.T, b []byte, at uint64) {
		mem := sliceMemory{0x10000, b}
		c := &codeReader{mem: mem, name: 8, file: 16, consts: 24, instructions: 32, typ: 8, length: 16,
			text: 24, size: 16, item: 24}
		for _, name := range c.functions(procmem.Addr(at)) {
			if !strings.Contains(string(b), strings.Split(name, ".")[0]) {
				t.Errorf("%q comes from nowhere", name)
			}
		}
		_ = c.find(procmem.Addr(at), []string{"a", "b"})
		if first, err := c.firstInstruction(procmem.Addr(at)); err == nil && first < 32 {
			t.Errorf("the first instruction is at %v", first)
		}
	})
}

// sliceMemory is memory that has b at an address and nothing else.
type sliceMemory struct {
	at procmem.Addr
	b  []byte
}

func (m sliceMemory) ReadAt(p []byte, a procmem.Addr) (int, error) {
	if a < m.at || a-m.at > procmem.Addr(len(m.b)) {
		return 0, procmem.ErrUnmapped
	}
	n := copy(p, m.b[a-m.at:])
	if n < len(p) {
		return n, procmem.ErrUnmapped
	}
	return n, nil
}
