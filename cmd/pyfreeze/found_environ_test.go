package main

import (
	"os"
	"strings"
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

// TestFoundInHome freezes a program in the user's home, where it reads its settings: they do not
// lie below where it runs, so that the image is as warm as one that was frozen elsewhere. In the
// root directory all does.
func TestFoundInHome(t *testing.T) {
	h := newHome(t)
	h.write("settings", "kept")
	h.write("app/lib.py", "import os\nHERE = os.getcwd()\n")
	h.write("app/prog.py", `
import lib, os, sys
with open(os.path.expanduser("~/settings")) as f: kept = f.read()
def main():
    print(kept, lib.HERE == os.getcwd(), sys.argv[1:])
main()
`)
	prog := h.dir + "/app/prog.py"
	for _, dir := range []string{h.dir, "/", t.TempDir()} {
		image := h.dir + "/i"
		h.run("HOME="+h.dir, "/usr/bin/env", "-C", dir, binary, "freeze", "-o", image, "--", python, prog).must(t, "exit 0")
		info := h.run(binary, "info", image).must(t, "exit 0")
		if !strings.Contains(info.Stdout, "in main") {
			t.Errorf("frozen in %s: %s", dir, info.Stdout)
		}
		for _, at := range []string{h.dir, "/", h.dir + "/app"} {
			log := newRunLog(t)
			got := h.run("HOME="+h.dir, log.env(), "/usr/bin/env", "-C", at, binary, "run", image, "x")
			if want := "kept True ['x']\n"; got.Stdout != want || got.Stderr != "" {
				t.Errorf("frozen in %s, run in %s: %v", dir, at, got)
			}
			log.one(t, "")
		}
	}
}
