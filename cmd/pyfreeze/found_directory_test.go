package main

import (
	"strings"
	"testing"
)

// TestFoundDirectory has programs of two modules: the first keeps the working directory in a
// constant, the second does so, or in an object, or reads what lies there. A thaw sets constants:
// what stands against a later point is the second module alone, and what it does not keep so.
func TestFoundDirectory(t *testing.T) {
	for _, c := range []struct{ name, second, at string }{
		{"constants", "import os\nTHERE = os.getcwd()\n", "prog.py:5"},
		{"object", "import os, types\nkept = types.SimpleNamespace(there=os.getcwd())\nTHERE = len(kept.there)\n", "second.py:2"},
		{"part", "import os\nTHERE = len(os.getcwd() + '/x')\n", "second.py:2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHome(t)
			h.write("lib/first.py", "import os\nHERE = os.getcwd()\n")
			h.write("lib/second.py", c.second)
			h.write("lib/prog.py", "import sys\nimport first\nimport second\ndef main():\n    print(sys.argv[1:], first.HERE, second.THERE)\nmain()\n")
			prog := h.dir + "/lib/prog.py"
			h.work(t, "frozen-here")
			h.work(t, "thawed-there-and-longer")
			in := func(dir string, words ...string) outcome {
				return h.run(append([]string{"/usr/bin/env", "-C", h.dir + "/" + dir}, words...)...)
			}
			o := in("frozen-here", binary, "freeze", "-o", "../i", "--", python, prog).must(t, "exit 0")
			if !strings.Contains(o.Stdout+o.Stderr, c.at+" ") {
				t.Errorf("a thaw should go on at %s: %v", c.at, o)
			}
			for _, dir := range []string{"frozen-here", "thawed-there-and-longer"} {
				log := newRunLog(t)
				plain := in(dir, python, prog, "x").must(t, "exit 0")
				if got := in(dir, "env", log.env(), binary, "run", h.dir+"/i", "x"); got.Stdout != plain.Stdout || got.Stderr != "" {
					t.Errorf("in %s: %v, plain %v", dir, got, plain)
				}
				log.thawed(t, 1)
			}
		})
	}
}

// TestFoundRelativePath has a program put a relative directory on sys.path. Where there is none,
// that is a guard, and the image fits wherever there is none. Where there is one, the point is
// before any module is looked for there.
func TestFoundRelativePath(t *testing.T) {
	h := newHome(t)
	h.write("lib/prog.py", "import sys\nsys.path.append('plugins')\nimport colorsys\ntry:\n    import added\n"+
		"except ImportError:\n    added = None\ndef main():\n    print(sys.argv[1:], added and added.NAME)\nmain()\n")
	h.work(t, "without")
	h.work(t, "another")
	h.work(t, "with")
	h.write("with/plugins/added.py", "NAME = 'added'\n")
	prog := h.dir + "/lib/prog.py"
	for from, at := range map[string]string{"without": "prog.py:9 in main, before the program reads its arguments",
		"with": "before the program asks for its working directory"} {
		in := func(dir string, words ...string) outcome {
			return h.run(append([]string{"/usr/bin/env", "-C", h.dir + "/" + dir}, words...)...)
		}
		o := in(from, binary, "freeze", "-o", "../i", "--", python, prog).must(t, "exit 0")
		if !strings.Contains(o.Stdout+o.Stderr, at) {
			t.Errorf("frozen in %s, a thaw should go on %s: %v", from, at, o)
		}
		for _, dir := range []string{"without", "another", "with"} {
			log := newRunLog(t)
			plain := in(dir, python, prog, "x").must(t, "exit 0")
			if got := in(dir, "env", log.env(), binary, "run", h.dir+"/i", "x"); got.Stdout != plain.Stdout || got.Stderr != "" {
				t.Errorf("frozen in %s, run in %s: %v, plain %v", from, dir, got, plain)
			}
			if from == "without" && dir == "with" {
				log.fellBack(t, "plugins has changed since")
			} else {
				log.thawed(t, 1)
			}
		}
	}
}
