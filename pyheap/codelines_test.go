package pyheap

import (
	"encoding/json"
	"strings"
	"testing"
)

// codeLines compiles the standard library and what is odd about lines, and tells of each code
// object for which offsets which line is: where Python has none, that of the instruction before.
const codeLines = `
import dis, glob, json, os, random, sys, types
library = os.path.dirname(os.__file__)
files = sorted(glob.glob(library + "/*.py") + glob.glob(library + "/asyncio/*.py"))
random.Random(int(sys.argv[1])).shuffle(files)
odd = [
    "x = [\n\n\n1,\n\n2,\n3]\n" + "\n" * 400 + "y = 1\n",
    "def f():\n" + "".join("    x%d = (a,\n b)\n" % i for i in range(300)),
    "f(" + ",\n".join("a%d" % i for i in range(200)) + ")",
    "\n" * 70000 + "def f(): return (1 +\n\n\n b)\n",
    "x = " + "-" * 90 + "1 + (" + "y + " * 400 + "\nz)",
    "for a in b:\n  try:\n    c\n  except D:\n    pass\n  finally:\n    e\nelse:\n  f",
    "async def f():\n  async with a as b:\n    async for c in d:\n      await e\n      yield [g async for g in h]\n",
    "class C(\n  B,\n  metaclass=M):\n  x: int = 1\n  def f(self, a=(1,\n 2)): return lambda: (\n a)\n",
    "if a and (b or\n c) and not (\nd): e\nelif f: g\nwhile a:\n  if b: continue\n  break",
    "with a as b, \\\n  c as d:\n    e",
    "assert a, (\n b)\nraise c from (\n d)\ndel e, (\n f)", "", "\n\n\n'doc'", "x = lambda: (yield)\nf'''{a}\n{b\n}'''",
]
kept = []
def add(code):
    kept.append(code)
    for c in code.co_consts:
        if isinstance(c, types.CodeType): add(c)
for text in odd: add(compile(text, "<odd>", "exec"))
for name in files[:12]:
    with open(name, encoding="utf-8") as f: add(compile(f.read(), name, "exec"))
def runs(code):
    if hasattr(code, "co_lines"):
        before = code.co_firstlineno
        for start, end, line in code.co_lines():
            before = before if line is None else line
            if start != end: yield start, end, before
    else:
        starts = list(dis.findlinestarts(code)) + [(len(code.co_code), 0)]
        for (start, line), (end, _) in zip(starts, starts[1:]):
            if start != end: yield start, end, line
sys.stdout.flush()
if not os.fork():
    for code in kept:
        print(json.dumps([id(code), code.co_name, code.co_firstlineno, list(runs(code))]))
    sys.stdout.flush()
    os._exit(0)
os.wait()
print("READY", flush=True)
sys.stdin.readline()
`

// TestLinesArePythons compares the line of every instruction with what Python says.
func TestLinesArePythons(t *testing.T) {
	for _, python := range pythons(t) {
		t.Run(strings.ReplaceAll(python, "/", "_"), func(t *testing.T) {
			tg := start(t, python, "-I", "-c", codeLines, "1")
			h := tg.heap
			instructions, wrong := 0, 0
			for _, line := range tg.lines {
				var code uint64
				var name string
				var first int
				var runs [][3]int64
				if err := json.Unmarshal([]byte(line), &[]any{&code, &name, &first, &runs}); err != nil {
					t.Fatal(err)
				}
				if file, got, ok := h.CodeStart(Addr(code)); !ok || got != first || file == "" {
					t.Errorf("%s begins in %q:%d, Python says %d", name, file, got, first)
				}
				p, _ := h.view.u64(code + h.off.code.linetable)
				table, err := h.Bytes(Addr(p))
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range runs {
					for at := r[0]; at < r[1]; at += 2 {
						instructions++
						got := LineAt(table, first, at, h.in.Version.Minor)
						if at == r[0] && got != h.line(code, at) {
							t.Errorf("two answers for %s+%d", name, at)
						}
						if int64(got) != r[2] {
							if wrong++; wrong < 10 {
								t.Errorf("%s+%d is in line %d, Python says %d", name, at, got, r[2])
							}
						}
					}
				}
			}
			t.Logf("%d code objects, %d instructions, %d wrong", len(tg.lines), instructions, wrong)
			if instructions < 10000 {
				t.Errorf("only %d instructions", instructions)
			}
		})
	}
}
