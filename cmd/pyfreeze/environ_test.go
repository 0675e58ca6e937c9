package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEnvironmentOfTheProgram thaws a program that changed its environment when it was imported: a thaw makes the same changes, for Python code,
// C code and children; where a variable was another before, the plain command runs.
func TestEnvironmentOfTheProgram(t *testing.T) {
	dir := tempDir(t)
	script := filepath.Join(dir, "script.py")
	module := "import os\nos.environ['SET_BY_MODULE'] = 'x' + os.environ.get('SET_BY_MODULE', '')\nos.environb[b'BYTES'] = b'\\xff=\\xc3'\nos.environ.pop('DROPPED', None)\n"
	text := "import os, subprocess, sys\nimport changes\nprint([os.environb.get(n) for n in (b'SET_BY_MODULE', b'BYTES', b'DROPPED', b'OTHER')], flush=True)\n" +
		"subprocess.run(['sh', '-c', 'printf \"%s \" \"$SET_BY_MODULE\" \"$DROPPED\" \"$OTHER\"; printf %s \"$BYTES\" | od -An -tx1'])\n"
	for name, text := range map[string]string{"script.py": text, "changes.py": module} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	image := filepath.Join(dir, "i")
	run(t, command{argv: []string{binary, "freeze", "-o", image, "--at", "exit", "--", python, script}, env: []string{"DROPPED=1", "OTHER=1"}}).must(t, "exit 0")
	for _, c := range []struct {
		env    []string
		reason string
	}{
		{[]string{"DROPPED=1", "OTHER=2"}, ""},
		{[]string{"DROPPED=1"}, ""},
		{[]string{"OTHER=2"}, "dropped was"},
		{[]string{"DROPPED=1", "SET_BY_MODULE=y"}, "set_by_module was"},
	} {
		log := newRunLog(t)
		plain := run(t, command{argv: []string{python, script}, env: c.env}).must(t, "exit 0")
		got := run(t, command{argv: []string{binary, "run", image}, env: append(c.env, log.env())})
		same(t, plain, got)
		if c.reason != "" {
			log.fellBack(t, c.reason)
		} else {
			log.thawed(t, 1)
		}
	}
}

// TestRandomDeviceOfC thaws a program in which C code keeps /dev/urandom open by its number: it must read random bytes there, not the end of a file.
func TestRandomDeviceOfC(t *testing.T) {
	dir := tempDir(t)
	script := filepath.Join(dir, "script.py")
	text := "import ctypes, os, sys\nif not hasattr(sys, 'kept'):\n    sys.kept = ctypes.CDLL(None).open(b'/dev/urandom', os.O_RDONLY | os.O_CLOEXEC)\nprint(len(os.read(sys.kept, 16)), os.readlink('/proc/self/fd/%d' % sys.kept))\n"
	if err := os.WriteFile(script, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(dir, "i")
	pyfreeze(t, "freeze", "-o", image, "--at", "exit", "--", python, script).must(t, "exit 0")
	log := newRunLog(t)
	got := run(t, command{argv: []string{binary, "run", image}, env: []string{log.env()}}).must(t, "exit 0")
	if got.Stdout != "16 /dev/urandom\n" || got.Stderr != "" {
		t.Errorf("%v", got)
	}
	log.thawed(t, 1)
	if o := pyfreeze(t, "info", image).must(t, "exit 0"); !strings.Contains(o.Stdout, "/dev/urandom, opened again\n") {
		t.Errorf("info: %s", o.Stdout)
	}
}
