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
