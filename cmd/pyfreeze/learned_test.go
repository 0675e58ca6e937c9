package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// learnedProgram imports after it has looked at its arguments, and tells what it can see of that.
const learnedProgram = `
import gc, os, sys
def main():
    args = sys.argv[1:]
    before = len(gc.get_objects()), gc.isenabled(), gc.get_freeze_count()
    read = []
    if "audit" in args:
        sys.addaudithook(lambda e, a: read.append((e, os.path.basename(a[0]) if e == "open" else (type(a[0]).__name__, len(a[0]), sum(a[0]))))
                         if e in ("open", "marshal.loads") else None)
    if "loads" in args:
        import marshal
        real = marshal.loads
        marshal.loads = lambda b: read.append(len(b)) or real(b)
    if "profile" in args:
        sys.setprofile(lambda f, e, a: read.append(a.__name__) if e == "c_call" and a.__name__ == "loads" else None)
    gc.disable()
    if "elsewhere" in args and hasattr(sys, "pycache_prefix"):
        sys.pycache_prefix = os.getcwd() + "/other"
    import json.decoder
    import learned
    import wsgiref.headers
    sys.setprofile(None)
    gc.enable()
    if "tracked" in args:
        print(gc.is_tracked(learned.f.__code__.co_consts))
    print(learned.VALUE, learned.f(2), learned.f.__code__.co_filename, learned.__cached__)
    first = learned.f.__code__
    del sys.modules["learned"]
    import learned
    print("again", learned.f.__code__ is first, learned.f.__code__ == first)
    if "counts" in args:
        print(before[1:], "hook" if "gc" in args else "", sys.getsizeof(first))
    if "fails" in args:
        import failing
    print(read)
main()
`

// TestLearned freezes a program that imports after its point, with each interpreter: what it
// imports is what is there, and who watches sees what a plain run shows.
func TestLearned(t *testing.T) {
	for _, py := range inspectedPythons(t) {
		t.Run(filepath.Base(filepath.Dir(filepath.Dir(py))), func(t *testing.T) {
			h := newHome(t)
			h.write("prog.py", learnedProgram)
			h.write("learned.py", "VALUE = 'one'\nWORDS = frozenset(['a', 'b'])\n"+
				"def f(n):\n    return [x for x in range(n) if x in (0, 1, 'two')]\n")
			h.write("failing.py", "import json\ndef g(n):\n    if n: return g(n - 1)\n    json.loads('{')\ng(3)\n")
			old := time.Now().Add(-time.Hour)
			for _, name := range []string{"prog.py", "learned.py", "failing.py"} {
				if err := os.Chtimes(filepath.Join(h.dir, name), old, old); err != nil {
					t.Fatal(err)
				}
			}
			prog := filepath.Join(h.dir, "prog.py")
			h.run(py, prog) // byte code is there
			h.run(py, prog, "fails")
			h.run(binary, "freeze", "-o", "i", "--", py, prog, "fails")
			info := h.run(binary, "info", "--imports", "i").must(t, "exit 0").Stdout
			for _, want := range []string{"learned", "json.decoder", "wsgiref.headers"} {
				if !strings.Contains(info, want) {
					t.Errorf("info --imports has no %q: %s", want, info)
				}
			}
			same := func(args ...string) string {
				t.Helper()
				log := newRunLog(t)
				plain := h.run(append([]string{py, prog}, args...)...)
				got := h.run(append([]string{log.env(), binary, "run", "i"}, args...)...)
				if got.Stdout != plain.Stdout || got.Stderr != plain.Stderr || got.Status != plain.Status {
					t.Errorf("%q: %v, plain %v", args, got, plain)
				}
				log.thawed(t, 1)
				return got.Stdout
			}
			same("counts")
			same("fails")
			same("elsewhere")
			same("audit")
			same("loads")
			same("profile")
			// A tuple that was just unmarshalled is known to the collector.
			for _, c := range []struct {
				argv []string
				want string
			}{{[]string{py, prog}, "True\n"}, {[]string{binary, "run", "i"}, "False\n"}} {
				if got := h.run(append(c.argv, "tracked")...); !strings.HasPrefix(got.Stdout, c.want) {
					t.Errorf("%q: %v, want %s", c.argv, got, c.want)
				}
			}
			// Changed by time, by size, and gone.
			h.write("learned.py", "VALUE = 'two'\nWORDS = frozenset(['a', 'b'])\n"+
				"def f(n):\n    return [x for x in range(n) if x in (0, 1, 'two')]\n")
			if out := same("x"); !strings.HasPrefix(out, "two") {
				t.Errorf("a module that was changed: %s", out)
			}
			if err := os.Chtimes(filepath.Join(h.dir, "learned.py"), old, old); err != nil {
				t.Fatal(err)
			}
			same("x")
			if err := os.Remove(filepath.Join(h.dir, "learned.py")); err != nil {
				t.Fatal(err)
			}
			if got := h.run(binary, "run", "i", "x"); !strings.Contains(got.Stderr, "ModuleNotFoundError") {
				t.Errorf("a module that is gone: %v", got)
			}
		})
	}
}

// TestLearnedSilently has a program stopped at its point: it has done nothing that others could
// tell, and what it would have imported is known all the same. It ends in any way that a program
// can.
func TestLearnedSilently(t *testing.T) {
	h := newHome(t)
	h.write("prog.py", "import os, sys\ndef main():\n    how = sys.argv[1:]\n    import json.tool\n"+
		"    print('heard', how)\n    sys.stderr.write('heard')\n    import wsgiref.util\n"+
		"    os.mkdir('made')\n    exec(how[0])\nmain()\n")
	prog := filepath.Join(h.dir, "prog.py")
	o := h.run(binary, "freeze", "--then", "stop", "-o", "i", "--", python, prog, "x").must(t, "exit 0")
	if _, err := os.Stat(filepath.Join(h.dir, "made")); err == nil || strings.Contains(o.Stdout+o.Stderr, "heard") {
		t.Errorf("it went on: %v, %v", err, o)
	}
	info := h.run(binary, "info", "--imports", "i").must(t, "exit 0").Stdout
	for _, want := range []string{"json.tool", "wsgiref.util"} {
		if !strings.Contains(info, want) {
			t.Errorf("info --imports has no %q: %s", want, info)
		}
	}
	for _, how := range []string{"os._exit(3)", "os.kill(os.getpid(), 9)", "os.abort()", "1 / 0",
		"os.execv('/bin/echo', ['echo', 'x'])", "sys.exit(4)"} {
		log := newRunLog(t)
		h.work(t, "p")
		h.work(t, "t")
		h.work(t, "f")
		plain := h.run("-C", "p", python, prog, how)
		frozen := h.run("-C", "f", binary, "freeze", "-o", "../i", "--", python, prog, how)
		got := h.run("-C", "t", log.env(), binary, "run", "../i", how)
		if got.Stdout != plain.Stdout || got.Stderr != plain.Stderr || got.Status != plain.Status {
			t.Errorf("%q: %v, plain %v", how, got, plain)
		}
		if !strings.Contains(frozen.Stdout, strings.TrimSuffix(plain.Stdout, "\n")) {
			t.Errorf("%q, while it was frozen: %v, plain %v", how, frozen, plain)
		}
		log.thawed(t, 1)
	}
}
