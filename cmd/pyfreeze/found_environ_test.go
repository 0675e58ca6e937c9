package main

import (
	"os"
	"testing"
)

// TestFoundPutenv has a program that sets variables for its children alone, past os.environ.
func TestFoundPutenv(t *testing.T) {
	h := newHome(t)
	h.write("prog.py", `
import ctypes, os, subprocess, sys
os.putenv("PUT", "put"); os.putenv("BOTH", "c"); os.unsetenv("GONE")
os.environ["SET"] = "set"; os.environ["BOTH"] = "python"; os.putenv("BOTH", "c")
ctypes.CDLL(None).setenv(b"IN_C", b"c", 1)
print(sys.argv[1:], os.environ.get("PUT"), os.environ.get("GONE"), os.environ.get("BOTH"), flush=True)
subprocess.run("echo $PUT $BOTH $SET $IN_C ${GONE-unset} $OTHER $MORE", shell=True)
`)
	for _, py := range inspectedPythons(t) {
		h.run("GONE=1", "OTHER=2", binary, "freeze", "-o", "i", "--", py, "prog.py").must(t, "exit 0")
		for _, c := range []struct{ env, why string }{{"MORE=3", ""}, {"PUT=x", "put was not set"}} {
			log := newRunLog(t)
			plain := h.run("GONE=1", "OTHER=2", c.env, py, "prog.py", "x").must(t, "exit 0")
			got := h.run(log.env(), "GONE=1", "OTHER=2", c.env, binary, "run", "i", "x")
			if got.Stdout != plain.Stdout || got.Stderr != plain.Stderr {
				t.Errorf("%s: %v, plain %v", py, got, plain)
			}
			log.one(t, c.why)
		}
	}
}

// TestFoundEnvironCopies has a program that has taken all of its environment, in several places:
// what tells where a shell is, is that of each run.
func TestFoundEnvironCopies(t *testing.T) {
	h := newHome(t)
	h.write("prog.py", `
import os, sys
class Holder: pass
holder = Holder()
holder.env = os.environ.copy()
holder.env["MORE"] = "1"
def closure(env=dict(os.environb)):
    kept = {**os.environ}
    return lambda: (kept, env)
f = closure()
apart = {"PWD": "/nowhere"}
print(sys.argv[1:], apart)
for d in (holder.env, *f(), {**os.environ}):
    print([(k, d.get(k) or d.get(k.encode())) for k in ("PWD", "OLDPWD", "SHLVL", "_", "MORE", "HOME")])
`)
	if err := os.Mkdir(h.dir+"/sub", 0o755); err != nil {
		t.Fatal(err)
	}
	h.run("PWD="+h.dir, "SHLVL=1", "KEPT=1", binary, "freeze", "-o", "i", "--", python, h.dir+"/prog.py").must(t, "exit 0")
	log := newRunLog(t)
	for _, env := range [][]string{{"PWD=" + h.dir, "SHLVL=1"}, {"PWD=" + h.dir + "/sub", "SHLVL=3", "OLDPWD=/"}, {"SHLVL=2"}} {
		env = append(env, "KEPT=1")
		plain := h.run(append(env, python, h.dir+"/prog.py", "x")...).must(t, "exit 0")
		got := h.run(append(append([]string{log.env()}, env...), binary, "run", "i", "x")...)
		if got.Stdout != plain.Stdout || got.Stderr != plain.Stderr {
			t.Errorf("%s: %v, plain %v", env, got, plain)
		}
	}
	log.thawed(t, 3)
}

// TestFoundEnvironOtherCopies has programs that keep their environment in what is no dict of it:
// where what tells where a shell is has changed, the plain command runs.
func TestFoundEnvironOtherCopies(t *testing.T) {
	for name, copied := range map[string]string{
		"pairs":     "sorted(os.environ.items())",
		"frozenset": "frozenset(os.environb.items())",
		"names":     "tuple(os.environ)",
		"entries":   "['%s=%s' % e for e in os.environ.items()]",
		"text":      "repr(os.environ)",
		"lower":     "{k.lower(): v for k, v in os.environ.items()}",
	} {
		t.Run(name, func(t *testing.T) {
			h := newHome(t)
			h.write("prog.py", "import os, sys\nkept = "+copied+"\n"+
				"print(sys.argv[1:], kept == "+copied+")\n")
			start := []string{"PWD=" + h.dir, "SHLVL=1", "MORE=1", "HOME=/"}
			log := newRunLog(t)
			h.run(append(append([]string{log.env()}, start...), binary, "freeze", "-o", "i", "--", python, h.dir+"/prog.py")...).
				must(t, "exit 0")
			start = append([]string{log.env()}, start...)
			plain := h.run(append(start, python, h.dir+"/prog.py", "x")...).must(t, "exit 0")
			got := h.run(append(start, binary, "run", "i", "x")...)
			if got.Stdout != plain.Stdout || got.Stderr != plain.Stderr {
				t.Errorf("%v, plain %v", got, plain)
			}
			log.thawed(t, 1)
			got = h.run(append(start, "SHLVL=2", "OLDPWD=/", binary, "run", "i", "x")...)
			if got.Stdout != plain.Stdout || got.Stderr != plain.Stderr {
				t.Errorf("in another shell: %v, plain %v", got, plain)
			}
		})
	}
}
