package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// foundPrograms are programs with the point before which nothing depends on one run.
var foundPrograms = []struct{ name, text, at string }{
	{"line", "import sys\nseen = []\nfor a in sys.argv[1:]:\n    seen.append(a)\nprint(seen)\n",
		"prog.py:3 in <module>, before the program reads its arguments"},
	{"deep", `
import argparse, contextlib
@contextlib.contextmanager
def around():
    yield 1
    print("out")
def numbers():
    with around() as one:
        p = argparse.ArgumentParser(prog="deep")
        p.add_argument("words", nargs="*")
        yield p.parse_args().words
        yield one
print(sorted(str(x) for x in numbers()))
raise SystemExit(5)
`, "before the program reads its arguments"},
	{"effect", "import os, sys\nimport makes\nprint(sorted(os.listdir('.')), sys.argv[1:])\n",
		"makes.py:2 in <module>, before the program makes "},
	{"never", "import atexit, sys\natexit.register(print, 'the end')\nprint('x' * 10)\nsys.exit(3)\n",
		"prog.py:3 in <module>, before the program writes to its standard output"},
	{"silent", "import atexit, sys\natexit.register(len, 'x')\nsys.exit(3)\n", "ends"},
	{"raw", "import sys\nx = 1\nsys.stdout.buffer.write(b'raw')\n",
		"the beginning of the script, before the program writes"},
	{"traceback", "import sys\ndef f(n):\n    if n: return f(n - 1)\n    return [1][len(sys.argv)]\nf(20)\n",
		"prog.py:5 in <module>, before the program reads its arguments"},
	{"thread", "import threading, sys\n\nt = threading.Thread(target=print, args=('in a thread',)); t.start()\n" +
		"t.join()\nprint(sys.argv[1:])\n",
		"prog.py:3 in <module>, before the program starts a thread"},
	{"child", "import subprocess, sys\nsubprocess.run(['echo', 'child'], check=True)\n" +
		"print(sys.argv[1:])\n", "before the program starts a process"},
	{"logged", "import logging, sys\nlogging.basicConfig()\nlogging.warning('first')\nprint(sys.argv[1:])\n",
		"prog.py:3 in <module>, before the program writes to its standard error"},
	{"pid", "import os, sys\nME = os.getpid()\nprint(ME == os.getpid(), sys.argv[1:])\n",
		"prog.py:2 in <module>, before the program asks for its process id"},
}

// TestFound freezes programs where they are not told to be: what a thaw does is what the plain
// program does with the same arguments.
func TestFound(t *testing.T) { foundWith(t, []string{python}) }

// TestLongFound does so with each other interpreter.
func TestLongFound(t *testing.T) {
	all := inspectedPythons(t)[1:]
	if _, err := os.Stat(python + "d"); err == nil {
		all = append(all, python+"d")
	}
	foundWith(t, all)
}

func foundWith(t *testing.T, all []string) {
	for _, py := range all {
		for _, c := range foundPrograms {
			t.Run(filepath.Base(filepath.Dir(filepath.Dir(py)))+"-"+filepath.Base(py)+"-"+c.name, func(t *testing.T) {
				h := newHome(t)
				h.write("prog.py", c.text)
				h.write("makes.py", "import os\nos.mkdir('made')\n")
				prog, log := filepath.Join(h.dir, "prog.py"), newRunLog(t)
				h.work(t, "f")
				o := h.run("-C", "f", binary, "freeze", "-o", "../i", "--", py, prog, "at", "freeze")
				if !strings.Contains(o.Stdout, c.at) {
					t.Fatalf("frozen elsewhere than %q: %v", c.at, o)
				}
				const runs = 3
				for _, args := range [][]string{{"a"}, {}, {"b", "c d"}} {
					h.work(t, "p")
					h.work(t, "t")
					plain := h.run(append([]string{"-C", "p", py, prog}, args...)...)
					got := h.run(append([]string{"-C", "t", log.env(), binary, "run", "../i"}, args...)...)
					if got.Stdout != plain.Stdout || got.Stderr != plain.Stderr || got.Status != plain.Status {
						t.Errorf("%q: %v, plain %v", args, got, plain)
					}
					if _, err := os.Stat(filepath.Join(h.dir, "t/made")); (err == nil) != (c.name == "effect") {
						t.Errorf("%q: the directory that it makes: %v", args, err)
					}
				}
				log.thawed(t, runs)
			})
		}
	}
}

// work makes a directory anew.
func (h *home) work(t *testing.T, name string) {
	t.Helper()
	dir := filepath.Join(h.dir, name)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

// TestFoundGuards changes one after the other what a program has read before its point.
func TestFoundGuards(t *testing.T) {
	h := newHome(t)
	h.write("lib/prog.py", `
import json, os, sys
text = open(os.path.dirname(__file__) + "/settings").read()
extra = os.path.exists(os.path.dirname(__file__) + "/extra")
names = os.listdir(os.path.dirname(__file__) + "/plugins")
colour = os.environ.get("COLOUR")
print(text, extra, sorted(names), colour, sys.argv[1:])
`)
	h.write("lib/settings", "one")
	h.write("lib/plugins/a", "")
	prog := filepath.Join(h.dir, "lib/prog.py")
	freeze := func() {
		h.run(binary, "freeze", "-o", "i", "--", python, prog).must(t, "exit 0")
	}
	same := func(why string, env ...string) {
		t.Helper()
		log := newRunLog(t)
		plain := h.run(append(env, python, prog, "x")...).must(t, "exit 0")
		got := h.run(append(append(env, log.env()), binary, "run", "i", "x")...)
		if got.Stdout != plain.Stdout || got.Stderr != "" {
			t.Errorf("%v, plain %v", got, plain)
		}
		log.one(t, why)
	}
	freeze()
	same("")
	same("colour was not set", "COLOUR=red")
	same("", "OTHER=1")
	h.write("lib/settings", "another")
	same("settings has changed since")
	freeze()
	h.write("lib/extra", "")
	same("extra has changed since")
	freeze()
	same("")
	h.write("lib/plugins/b", "")
	same("plugins has changed since")
	freeze()
	h.write("lib/json.py", "raise SystemExit('another json')\n")
	log := newRunLog(t)
	if o := h.run(log.env(), binary, "run", "i"); !strings.Contains(o.Stderr, "another json") {
		t.Errorf("with a module that comes first now: %v", o)
	}
	log.fellBack(t, "lib has changed since")
	if err := os.Remove(filepath.Join(h.dir, "lib/json.py")); err != nil {
		t.Fatal(err)
	}
	same("")
	o := h.run(binary, "info", "--guards", "i").must(t, "exit 0")
	for _, want := range []string{"variable", "COLOUR", "prog.py:6", "prog.py:3", "names in"} {
		if !strings.Contains(o.Stdout, want) {
			t.Errorf("info --guards has no %q: %s", want, o.Stdout)
		}
	}
}

// TestFoundVariablesInC changes what a library in C has looked for before the point: OpenSSL reads
// OPENSSL_CONF when it is loaded.
func TestFoundVariablesInC(t *testing.T) {
	for _, py := range inspectedPythons(t) {
		h := newHome(t)
		h.write("prog.py", "import ssl, sys\nc = ssl.create_default_context()\n"+
			"def main():\n    print(c.minimum_version, sys.argv[1:])\nmain()\n")
		h.write("ssl.cnf", "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nMinProtocol = TLSv1.3\n")
		prog := filepath.Join(h.dir, "prog.py")
		h.run(binary, "freeze", "-o", "i", "--", py, prog).must(t, "exit 0")
		for env, why := range map[string]string{
			"OTHER=1": "", "OPENSSL_CONF=" + filepath.Join(h.dir, "ssl.cnf"): "openssl_conf was not set",
		} {
			log := newRunLog(t)
			plain := h.run(env, py, prog, "x")
			got := h.run(env, log.env(), binary, "run", "i", "x")
			if got.Stdout != plain.Stdout || got.Status != plain.Status {
				t.Errorf("%s, %s: %v, plain %v", py, env, got, plain)
			}
			log.one(t, why)
		}
	}
}

// TestFoundWays freezes what is started in different ways.
func TestFoundWays(t *testing.T) {
	h := newHome(t)
	h.write("lib/tool/__init__.py", "")
	h.write("lib/tool/__main__.py", "import sys, os\nfrom tool import cli\nsys.exit(cli.main())\n")
	h.write("lib/tool/cli.py",
		"import os, sys\n"+
			"def main():\n"+
			"    print(sys.argv[1:], os.environ.get('MODE'))\n"+
			"    return 4\n")
	h.write("bin/wrapped",
		"#!/bin/sh\n"+
			"lib=$(dirname \"$0\")/../lib\n"+
			"MODE=fast PYTHONPATH=$lib exec "+python+" -m tool --first \"$@\"\n")
	h.write("bin/enved",
		"#!/usr/bin/env -S MODE=slow "+python+"\n"+
			"import sys\n"+
			"sys.path.insert(0, '"+h.dir+"/lib')\n"+
			"from tool.cli import main\n"+
			"sys.exit(main())\n")
	h.write("bin/noisy",
		"#!/bin/sh\n"+
			"date >> "+h.dir+"/log\n"+
			"exec "+python+" "+h.dir+"/bin/enved \"$@\"\n")
	h.write("zip/cli.py", "import sys\ndef main():\n    print(sys.argv[1:])\n    sys.exit(6)\n")
	h.run(python, "-m", "zipapp", "zip", "-o", "tool.pyz", "-m", "cli:main").must(t, "exit 0")
	for _, name := range []string{"wrapped", "enved", "noisy"} {
		if err := os.Chmod(filepath.Join(h.bin, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, argv := range [][]string{
		{"wrapped"}, {"enved"}, {python, filepath.Join(h.dir, "tool.pyz")},
		{python, "-c", "import sys; print(sys.argv[1:])"},
		{"env", "PYTHONPATH=" + h.dir + "/lib", python, "-m", "tool"},
	} {
		h.run(append([]string{binary, "freeze", "-o", "i", "--"}, argv...)...).must(t, "exit 0")
		log := newRunLog(t)
		for _, args := range [][]string{{"a b"}, {}, {"c", "--first"}} {
			plain := h.run(append(argv, args...)...)
			got := h.run(append([]string{log.env(), binary, "run", "i"}, args...)...)
			if got.Stdout != plain.Stdout || got.Stderr != plain.Stderr || got.Status != plain.Status {
				t.Errorf("%q with %q: %v, plain %v", argv, args, got, plain)
			}
		}
		log.thawed(t, 3)
		h.write("changed", "") // nothing that it has read
		plain := h.run(append([]string{"-C", "lib", "MODE=other"}, argv...)...)
		got := h.run("-C", "lib", "MODE=other", binary, "run", "../i")
		if got.Stdout != plain.Stdout || got.Status != plain.Status {
			t.Errorf("%q elsewhere: %v, plain %v", argv, got, plain)
		}
	}
	o := h.run(binary, "freeze", "-o", "j", "--", "noisy", "x")
	if !strings.Contains(o.Stdout, "['x']") || !strings.Contains(o.Stderr, "/log to write") {
		t.Errorf("a wrapper that writes: %v", o)
	}
	if b, err := os.ReadFile(filepath.Join(h.dir, "log")); err != nil || strings.Count(string(b), "\n") != 1 {
		t.Errorf("it has written %q, %v", b, err)
	}
}

// TestFoundRandom has generators that the system seeded, which give other numbers in each run, and
// one that the program seeded.
func TestFoundRandom(t *testing.T) {
	h := newHome(t)
	h.write("prog.py", `
import random, sys
class Own(random.Random): pass
a, b, c = random.Random(), Own(), random.Random(7)
a.random(), c.random()
words = sys.argv[1:]
print(a.random(), b.random(), c.random(), random.random())
`)
	h.run(binary, "freeze", "-o", "i", "--", python, "prog.py").must(t, "exit 0")
	seen, log := map[string]bool{}, newRunLog(t)
	for range 5 {
		words := strings.Fields(h.run(log.env(), binary, "run", "i").must(t, "exit 0").Stdout)
		if len(words) != 4 || !strings.HasPrefix(words[2], "0.1508") {
			t.Fatalf("it said %q", words) // random.Random(7): 0.3238..., 0.1508...
		}
		for _, i := range []int{0, 1, 3} {
			if seen[words[i]] {
				t.Errorf("%s came twice", words[i])
			}
			seen[words[i]] = true
		}
	}
	log.thawed(t, 5)
}

// TestFoundInstall installs a program with no word of how to warm it up.
func TestFoundInstall(t *testing.T) {
	h := newHome(t)
	h.write("bin/tool", "#!"+python+"\nimport sys\nfrom tool_module import main\nmain()\n")
	if err := os.Chmod(filepath.Join(h.bin, "tool"), 0o755); err != nil {
		t.Fatal(err)
	}
	h.write("bin/tool_module.py",
		"import os, sys\n"+
			"def main():\n"+
			"    print('prog', sys.argv[1:])\n"+
			"    open('made', 'w').close()\n")
	h.run(binary, "install", "tool").must(t, "exit 0")
	log := newRunLog(t)
	for _, dir := range []string{"one", "two"} {
		h.work(t, dir)
		if o := h.run("-C", dir, log.env(), "tool", dir).must(t, "exit 0"); o.Stdout != "prog ['"+dir+"']\n" {
			t.Errorf("%v", o)
		}
		if _, err := os.Stat(filepath.Join(h.dir, dir, "made")); err != nil {
			t.Error(err)
		}
	}
	log.thawed(t, 2)
	if _, err := os.Stat(filepath.Join(h.dir, "made")); err == nil {
		t.Error("the run that was watched did something here")
	}
}

// TestFoundInstallTerminal installs a program that asks for its terminal when it is imported: there
// is an image for each answer, the second one made in the background.
func TestFoundInstallTerminal(t *testing.T) {
	h := newHome(t)
	h.write("bin/tool",
		"#!"+python+"\n"+
			"import sys\n"+
			"T = [s.isatty() for s in (sys.stdin, sys.stdout, sys.stderr)]\n"+
			"print(T, sys.argv[1:])\n")
	if err := os.Chmod(filepath.Join(h.bin, "tool"), 0o755); err != nil {
		t.Fatal(err)
	}
	h.run(binary, "install", "tool").must(t, "exit 0")
	terminal := []string{"script", "-qec", filepath.Join(h.launchers, "tool") + " x", "/dev/null"}
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		before := h.status().Runs.Thawed
		if o := h.run(terminal...).must(t, "exit 0"); !strings.Contains(o.Stdout, "[True, True, True] ['x']") {
			t.Fatalf("on a terminal: %v", o)
		}
		if h.status().Runs.Thawed > before {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("no run on a terminal was thawed: %+v", h.status())
		}
	}
	before := h.status().Runs.Thawed
	for range 2 {
		if o := h.run("tool", "y").must(t, "exit 0"); o.Stdout != "[False, False, False] ['y']\n" {
			t.Errorf("%v", o)
		}
		h.run(terminal...).must(t, "exit 0")
	}
	if s := h.status(); s.Runs.Thawed != before+4 || len(s.Images) != 2 {
		t.Errorf("not all were thawed: %+v", s)
	}
}

// TestFoundArgcArgv has a library that asks the interpreter for its words in C, as those do that
// change the title of a process.
func TestFoundArgcArgv(t *testing.T) {
	h := newHome(t)
	h.write("words.c", `
#include <wchar.h>
void Py_GetArgcArgv(int *argc, wchar_t ***argv);
int count(void) { int n; wchar_t **v; Py_GetArgcArgv(&n, &v); return n; }
const wchar_t *word(int i) { int n; wchar_t **v; Py_GetArgcArgv(&n, &v); return v[i]; }
`)
	h.run("gcc", "-shared", "-fPIC", "-o", "words.so", "words.c").must(t, "exit 0")
	h.write("prog.py", `
import ctypes, os, sys
lib = ctypes.PyDLL(os.path.dirname(os.path.abspath(__file__)) + "/words.so")
lib.word.restype = ctypes.c_wchar_p
args = sys.argv[1:]
print(args, [lib.word(i) for i in range(lib.count())][2:])
`)
	for _, py := range inspectedPythons(t) {
		h.run(binary, "freeze", "-o", "i", "--", py, "prog.py", "at", "the", "freeze").must(t, "exit 0")
		for _, args := range [][]string{{"a"}, {"b", "c", "d", "é"}, {}} {
			plain := h.run(append([]string{py, "prog.py"}, args...)...)
			log := newRunLog(t)
			got := h.run(append([]string{log.env(), binary, "run", "i"}, args...)...)
			if got.Stdout != plain.Stdout || got.Status != plain.Status {
				t.Errorf("%s: %v, plain %v", py, got, plain)
			}
			log.thawed(t, 1)
		}
	}
}

// TestFoundInstallCheck compares the runs of a program when it is installed, and throws an image away
// that is frozen where it should not be.
func TestFoundInstallCheck(t *testing.T) {
	h := newHome(t)
	h.write("bin/tool",
		"#!"+python+"\n"+
			"import sys\n"+
			"from tool_module import main\n"+
			"ARGS = sys.argv[1:]\n"+
			"main()\n")
	if err := os.Chmod(filepath.Join(h.bin, "tool"), 0o755); err != nil {
		t.Fatal(err)
	}
	h.write("bin/tool_module.py",
		"import sys\n"+
			"def main():\n"+
			"    print(sys.modules['__main__'].ARGS)\n"+
			"    open('made', 'w').close()\n")
	o := h.run(binary, "install", "tool", "--check", "a 'b c'", "--check", "").must(t, "exit 0")
	if !strings.Contains(o.Stdout, "checked: tool a 'b c'\n") {
		t.Errorf("%v", o)
	}
	o = h.run(binary, "install", "tool", "--at", "tool_module:main", "--warm", "x", "--check", "y").must(t, "exit 1")
	if !strings.Contains(o.Stderr, "another standard output") || len(h.status().Images) != 1 || h.status().Images[0].Failed == "" {
		t.Errorf("%v; %+v", o, h.status())
	}
	if o := h.run("tool", "z").must(t, "exit 0"); o.Stdout != "['z']\n" {
		t.Errorf("%v", o)
	}
}
