package snapshot

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/restore/internal/target"
	"pyfreeze/symbols"
)

// readerOf opens what reads the Python stack of a process that waits, and its thread that had the
// GIL last.
func readerOf(t *testing.T, pid int) (*stackReader, procmem.Addr) {
	t.Helper()
	live, err := procmem.OpenLive(pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { live.Close() })
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
	s, err := newStackReader(in, lay, live)
	if err != nil {
		t.Fatal(err)
	}
	state, err := pyheap.NewStateReader(in, lay)
	if err != nil {
		t.Fatal(err)
	}
	now, err := state.Read(live)
	if err != nil {
		t.Fatal(err)
	}
	return s, now.GILHolder
}

// deepStack calls itself in all the ways by which Python calls Python, and tells of each frame its
// file and name in the system's bytes, its first line, its line, where the instruction under way
// begins, and where the line does.
const deepStack = `
import dis, functools, json, os, sys
def tell(frame):
    out = []
    while frame:
        code, lasti = frame.f_code, max(frame.f_lasti, 0)
        at = max(i.offset for i in dis.get_instructions(code) if i.offset <= lasti)
        out.append([os.fsencode(code.co_filename).hex(), os.fsencode(code.co_name).hex(),
            code.co_firstlineno, frame.f_lineno or 0, at])
        frame = frame.f_back
    print(json.dumps(out), flush=True)
    sys.stdin.readline()
def end():
    tell(sys._getframe())
def plain(then):
    x = [1,
         2]; then()
def recursion(then, n=3):
    if n:
        return recursion(then,
                         n - 1)
    then()
def generator(then):
    def g():
        yield 1
        then()
        yield 2
    def outer():
        yield from g()
    list(outer())
def sorting(then):
    sorted([1], key=lambda _: then())
def reducing(then):
    functools.reduce(lambda a, b: then(), [1, 2])
def cls(then):
    class C:
        a = 1
        then()
def getter(then):
    class C:
        @property
        def p(self):
            return then()
        def __getattr__(self, name):
            return self.p
        def __enter__(self): self.missing
        def __exit__(self, *a): pass
    with C(): pass
def init(then):
    class C:
        def __init__(self, x, *, y): then()
    C(1, y=2)
def coroutine(then):
    async def inner(): then()
    async def outer(): await inner()
    try: outer().send(None)
    except StopIteration: pass
def comprehension(then):
    [then() for _ in (0,)
        if _ == 0]
def raising(then):
    try:
        try: 1 / 0
        finally: then()
    except ZeroDivisionError: pass
def many(then):
    exec(compile("\n".join("x%d = %d" % (i, i + 1000) for i in range(400)) + "\nthen()",
        "/many.py", "exec"), {"then": then})
def called(then):
    then.__call__(*(), **{})
def files(then):
    for name in NAMES:
        space = {"then": then}
        exec(compile("def fu\xf1\xe7():\n    pass\n    then()", name, "exec"), space)
        then = space["fu\xf1\xe7"]
    then()
NAMES = ["/plain.py", "/caf\xe9.py", "/\u65e5\u672c/x.py", "/\U0001f40d.py", "/raw\udcff\udc80.py", "/",
    "/l\xe9\udcff\u0100.py"]
ways = [plain, recursion, generator, sorting, reducing, cls, getter, init, coroutine, comprehension,
    raising, many, called, files]
def chain(i):
    if i == len(ways): return end
    then = chain(i + 1)
    def step(): ways[i](then)
    return step
for _ in range(20): plain(lambda: None)     # so that its calls are specialised
print("ready", flush=True)
for way in ways: way(end)
chain(0)()
`

// TestStackIsPythons compares the Python stack of a waiting process with what Python says itself.
func TestStackIsPythons(t *testing.T) {
	each(t, func(t *testing.T, exe string) {
		p := target.Talk(t, exe, deepStack)
		const stops = 15
		exact, line := 0, p.Line()
		for i := range stops {
			var want [][5]any
			if err := json.Unmarshal([]byte(line), &want); err != nil {
				t.Fatal(err)
			}
			p.Reading()
			s, tstate := readerOf(t, p.PID())
			all := s.frames(tstate, 1<<12)
			got := all[1:] // tell() does not tell of itself
			if len(got) != len(want) {
				t.Fatalf("stop %d has %d frames, Python has %d", i, len(got), len(want))
			}
			if s.others(tstate) {
				t.Errorf("there is a second thread")
			}
			for n, f := range got {
				w := want[n]
				file, name := unhex(t, w[0]), unhex(t, w[1])
				if s.file(f.code) != file || s.name(f.code) != name ||
					s.line(f.code) != int(w[2].(float64)) {
					t.Errorf("frame %d is %q of %q, first line %d; Python says %q of %q, %v", n,
						s.name(f.code), s.file(f.code), s.line(f.code), name, file, w[2])
				}
				line, at := int(w[3].(float64)), int64(w[4].(float64))
				if got := s.lineAt(f); got != line {
					t.Errorf("%s is in line %d, Python says %d", name, got, line)
				}
				if f.exact {
					exact++
					if f.at != at {
						t.Errorf("%s is at %d, Python says %d", name, f.at, at)
					}
				}
				if start := s.lineStart(f); start > f.at || start < 0 ||
					pyheap.LineAt(s.lineTable(f.code), s.line(f.code), start, int(s.minor)) != line {
					t.Errorf("line %d of %s begins at %d, before %d", line, name, start, f.at)
				}
			}
			if most := s.frames(tstate, 2); !slices.Equal(most, all[:2]) {
				t.Errorf("the newest two frames are %v", most)
			}
			if i < stops-1 {
				line = p.Ask("")
			}
		}
		t.Logf("%d instructions are exact", exact)
		if exact < 50 {
			t.Errorf("only %d frames know their instruction", exact)
		}
	})
}

func unhex(t *testing.T, v any) string {
	t.Helper()
	b, err := hex.DecodeString(v.(string))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// firstItems are functions that take or set an item, the last item of their code, after they were
// called often or never, and whether it is item 0 for sure.
const firstItems = `
import dis, sys
class Any:
    def __getitem__(self, i): return None
a, yes, no, zero = [[1], [2], [3]], True, False, 0
big = "\n".join("x = %d" % (i + 1000) for i in range(300))
cases = [
    (True, "a[0]"), (True, "a[0] = 1"), (True, "a[1][0]"), (True, "(yes and a)[0]"),
    (False, "a[1]"), (False, "a[-1]"), (False, "a[zero]"), (False, "a[0:1]"), (False, "a[False]"),
    (False, "a[1 if yes else 0]"), (False, "a[no or 0]"), (False, "a[yes and 0]"),
    (False, "a[2 if no else 1 if yes else 0]"), (False, "a[1 if yes else 0] = 1"),
    (False, "{0.0: 1}[0.0]"), (False, "{'0': 1}['0']"), (False, "{None: 1}[None]"),
    (False, "x = 0\n" + big + "\na[1]"), (False, "x = 0\n" + big + "\na[2] = 1"),
    (False, "a[0] + a[2][-1]" ), (True, "(a[2], a[0])"), (False, "{2**70: 0}[2**70]"),
    (False, "{2**60: 0}[2**60]"),
]
def instruction(code):
    found = [i.offset for i in dis.get_instructions(code) if i.opname in
        ("BINARY_SUBSCR", "STORE_SUBSCR") or i.opname == "BINARY_OP" and i.argrepr == "[]" or
        i.opname == "BINARY_SLICE"]
    return found[-1]
kept, told = [], []
for want, text in cases:
    for times in (0, 50):
        indented = "\n".join("    " + line for line in text.split("\n"))
        indented += "\n    x = (a, a, a, a, a, a, a, a)" # else the end is there once for each way
        space = {"a": [[1], [2], [3]], "yes": yes, "no": no, "zero": zero}
        exec(compile("def f():\n" + indented, "<case>", "exec"), space)
        f = space["f"]
        for _ in range(times):
            try: f()
            except TypeError: break
        kept.append(f)
        told.append("%d %d %d %d %s" % (id(f.__code__), instruction(f.__code__), want, times, repr(text[-40:])))
print("ready", flush=True)
for line in told: print(line, flush=True)
print("end", flush=True)
sys.stdin.readline()
`

// TestFirstItem: what takes sys.argv[0] is told from what takes another item, or may.
func TestFirstItem(t *testing.T) {
	each(t, func(t *testing.T, exe string) {
		p := target.Talk(t, exe, firstItems)
		s, _ := readerOf(t, p.PID())
		n := 0
		for line := p.Line(); line != "end"; line = p.Line() {
			var code uint64
			var at int64
			var want, times int
			if _, err := fmt.Sscan(line, &code, &at, &want, &times); err != nil {
				t.Fatal(err)
			}
			n++
			_, text, _ := strings.Cut(line, "'")
			f := pyFrame{code: procmem.Addr(code), at: at}
			if got := s.firstItem(f); got != (want == 1) {
				t.Errorf("%s, called %d times: item 0 is %t", text, times, got)
			}
		}
		if n < 40 {
			t.Errorf("%d cases", n)
		}
	})
}

// numbers tells the numbers of the instructions that the tables name.
const numbers = `
import opcode, sys
numbers = dict(opcode.opmap)
special = getattr(opcode, "_specialized_opmap", None)
if special is None:
    free = [i for i in range(1, 256) if opcode.opname[i].startswith("<")]
    special = dict(zip(getattr(opcode, "_specialized_instructions", []), free))
numbers.update(special)
def tell(*names): print(*sorted(numbers[n] for n in names if n in numbers and numbers[n] < 256), flush=True)
print("ready", flush=True)
tell(*[n for n in numbers if n.startswith(("BINARY_SUBSCR", "BINARY_OP_SUBSCR", "STORE_SUBSCR"))
    and "SLICE" not in n])
tell("POP_TOP", "JUMP_FORWARD", "JUMP_ABSOLUTE", "JUMP_IF_FALSE_OR_POP", "JUMP_IF_TRUE_OR_POP",
    "EXTENDED_ARG")
tell(*[n for n in numbers if n == "LOAD_CONST" or n.startswith("LOAD_CONST_")])
tell("CALL", "CALL_ADAPTIVE", "CALL_PY_EXACT_ARGS", "CALL_PY_WITH_DEFAULTS", "CALL_BOUND_METHOD_EXACT_ARGS",)
sys.stdin.readline()
`

// TestInstructionNumbers compares the tables of instructions with each interpreter's own.
func TestInstructionNumbers(t *testing.T) {
	each(t, func(t *testing.T, exe string) {
		p := target.Talk(t, exe, numbers)
		s, _ := readerOf(t, p.PID())
		ops := opcodes[s.minor]
		for _, table := range []struct {
			what string
			have []byte
		}{{"items", ops.items}, {"joins", ops.joins}, {"constants", ops.constants},
			{"calls", inlined[s.minor].calls}} {
			var want []byte
			for _, f := range strings.Fields(p.Line()) {
				var n byte
				if _, err := fmt.Sscan(f, &n); err != nil {
					t.Fatal(err)
				}
				want = append(want, n)
			}
			have := slices.Sorted(slices.Values(table.have))
			if table.what == "calls" && len(have) == 0 {
				continue // a frame remembers where the call begins
			}
			if !slices.Equal(have, want) {
				t.Errorf("%s are %v, the interpreter has %v", table.what, have, want)
			}
		}
	})
}
