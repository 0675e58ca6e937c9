package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// hooksProgram has set all hooks by which a program can see what is executed and imported. What
// they see is told at the end, with the line that reads the arguments in the midst.
const hooksProgram = `
import builtins, logging, random, sys, threading
seen = []
def note(kind, what):
    if len(seen) < 200:
        seen.append((kind, what))
KIND = sys.argv[0].rsplit("-", 1)[1][:-3]
if KIND == "profile":
    sys.setprofile(lambda f, event, arg: note(event, f.f_code.co_name))
if KIND == "trace":
    def trace(f, event, arg):
        note(event, (f.f_code.co_name, f.f_lineno))
        return trace
    sys.settrace(trace)
    sys._getframe().f_trace = trace
if KIND == "import":
    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            note("find", name)
    sys.meta_path.insert(0, Finder)
    real = builtins.__import__
    def hook(name, *args, **more):
        note("import", name)
        return real(name, *args, **more)
    builtins.__import__ = hook
if KIND == "audit":
    sys.addaudithook(lambda event, args: note(event, None))
if KIND == "monitoring" and hasattr(sys, "monitoring"):
    m = sys.monitoring
    m.use_tool_id(2, "test")
    m.register_callback(2, m.events.PY_START, lambda code, at: note("start", code.co_name))
    m.register_callback(2, m.events.LINE, lambda code, line: note("line", (code.co_name, line)))
    m.set_events(2, m.events.PY_START | m.events.LINE)
def work():
    import colorsys
    return colorsys.rgb_to_hsv(0, 0, 0)
before = len(seen)
args = sys.argv[1:]
work()
sys.setprofile(None)
sys.settrace(None)
print(args, before, [m for m in ("gc", "marshal", "colorsys") if m in sys.modules])
for s in seen:
    print(s)
`

// TestLongFoundHooks has programs whose hooks are there before the point: they see what the plain
// program has them see, and nothing of a thaw.
func TestLongFoundHooks(t *testing.T) {
	h := newHome(t)
	for _, py := range inspectedPythons(t) {
		kinds := []string{"trace", "import"}
		if py == python {
			kinds = []string{"profile", "trace", "import", "audit"}
		} else if strings.Contains(py, "3.12") || strings.Contains(py, "3.13") {
			kinds = []string{"monitoring", "audit"}
		}
		for _, kind := range kinds {
			prog := "app/prog-" + kind + ".py" // nothing else is written there, or an import lists it anew
			h.write(prog, hooksProgram)
			h.run(binary, "freeze", "-o", "i", "--", py, prog).must(t, "exit 0")
			log := newRunLog(t)
			plain := h.run(py, prog, "x").must(t, "exit 0")
			got := h.run(log.env(), binary, "run", "i", "x")
			if got.Stdout != plain.Stdout || got.Stderr != plain.Stderr {
				t.Errorf("%s %s: %s", py, kind, cmp.Diff(strings.Split(plain.Stdout, "\n"), strings.Split(got.Stdout, "\n")))
			}
			log.thawed(t, 1)
		}
	}
}
