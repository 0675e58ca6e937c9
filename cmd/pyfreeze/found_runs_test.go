package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFoundRuns counts how often a program is run until it is frozen: once for its user, once to
// its point, and once more only where that point cannot be known, or be watched for, without.
func TestFoundRuns(t *testing.T) {
	const again, inC = "running it again", "running it for the variables"
	h := newHome(t)
	h.write("asks.py", "import ssl, sys\nc = ssl.create_default_context()\n"+
		"def main():\n    print(c.minimum_version, sys.argv[1:])\nmain()\n")
	// A module that is executed twice: its functions, too, are others the second time.
	h.write("twice/run.py", "import runpy\nimport tool\nrunpy.run_path(tool.__file__, run_name='go')\n")
	h.write("twice/tool.py", "import ssl, sys\nc = ssl.create_default_context()\n"+
		"def main():\n    print(c.minimum_version, sys.argv[1:])\n"+
		"if __name__ == 'go':\n    main()\n")
	h.write("keeps.py", "import os, sys, types\nhere = [os.getcwd() + '/x']\n"+
		"def main():\n    print(here, sys.argv[1:])\nmain()\n")
	h.write("const/where.py", "import os\nHERE = os.getcwd()\n")
	h.write("const/tool.py", "import sys\nimport where\ndef main():\n"+
		"    print(where.HERE, sys.argv[1:])\nmain()\n")
	h.write("elsewhere/x", "")
	path := func(name string) string { return filepath.Join(h.dir, name) }
	for _, c := range []struct {
		argv       []string
		again, inC int
		where      string
	}{
		{[]string{python, path("asks.py")}, 1, 0, "asks.py:4 in main"},
		{[]string{python, path("twice/run.py")}, 2, 1, "tool.py:4 in main"},
		{[]string{python, path("keeps.py")}, 1, 0, "keeps.py:2"},
		{[]string{python, path("const/tool.py")}, 1, 0, "tool.py:4 in main"},
	} {
		o := h.run(append([]string{"-C", "elsewhere", binary, "freeze", "-v", "-o", "../i", "--"}, c.argv...)...)
		o.must(t, "exit 0")
		runs, asked := strings.Count(o.Stderr, again), strings.Count(o.Stderr, inC)
		if runs != c.again || asked != c.inC || !strings.Contains(o.Stdout, c.where) {
			t.Errorf("%q: %d further runs and %d for variables, want %d and %d, at %s: %s",
				c.argv, runs, asked, c.again, c.inC, c.where, o.Stdout+o.Stderr)
		}
		guards := h.run(binary, "info", "--guards", "i").must(t, "exit 0").Stdout
		if want := strings.Contains(c.where, "tool.py:4") && c.again == 2 || strings.HasPrefix(c.where, "asks"); want !=
			strings.Contains(guards, "OPENSSL_CONF") {
			t.Errorf("%q: the variable that OpenSSL looks for is a guard: %v, want %v", c.argv, !want, want)
		}
		for _, dir := range []string{"elsewhere", "."} {
			log := newRunLog(t)
			image := map[string]string{"elsewhere": "../i", ".": "i"}[dir]
			plain := h.run(append(append([]string{"-C", dir}, c.argv...), "x")...)
			got := h.run("-C", dir, log.env(), binary, "run", image, "x")
			if got.Stdout != plain.Stdout || got.Status != plain.Status {
				t.Errorf("%q in %s: %v, plain %v", c.argv, dir, got, plain)
			}
			log.one(t, "")
		}
	}
}

// TestFreezeCost compares the time of processors that a freeze takes with that of the command, of
// a program that imports a third of the standard library.
func TestFreezeCost(t *testing.T) {
	const most = 2 * time.Second
	h := newHome(t)
	h.write("big.py", "import os\nhere = os.getcwd()\n"+
		"import asyncio, concurrent.futures, ctypes, decimal, email.mime.text, http.server, "+
		"imaplib, logging.config, multiprocessing.managers, pydoc, sqlite3, ssl, sys, tarfile, "+
		"unittest.mock, urllib.request, wsgiref.simple_server, xml.dom.minidom, xmlrpc.client\n"+
		"def main():\n    print(len(sys.modules), sys.argv[1:])\nmain()\n")
	prog := filepath.Join(h.dir, "big.py")
	cost := func(argv ...string) time.Duration {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Dir = t.TempDir()
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%q: %v: %s", argv, err, out)
		}
		return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	cost(python, prog) // its byte code is written
	plain := cost(python, prog)
	frozen := cost(binary, "freeze", "-o", filepath.Join(h.dir, "i"), "--", python, prog)
	t.Logf("plain %v, frozen %v", plain, frozen)
	if frozen > 2*plain+most {
		t.Errorf("freezing takes %v of a processor, the command %v", frozen, plain)
	}
}
