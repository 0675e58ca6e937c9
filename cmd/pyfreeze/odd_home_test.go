package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestVenvOnPath has the interpreter of a virtual environment found on PATH: an image of it is thawed, or started plainly, in that environment wherever
// the command is given, until what makes the environment changes.
func TestVenvOnPath(t *testing.T) {
	dir := tempDir(t)
	o := oddStart{}
	venv(python)(t, &o, dir)
	bin := filepath.Join(dir, "venv/bin")
	onPath := []string{"PATH=" + bin + ":/usr/bin:/bin"}
	image := filepath.Join(dir, "i")
	run(t, command{argv: []string{binary, "freeze", "-o", image, "--at", "exit", "--", "sh", "-c", `exec python "$@"`, "sh", o.script, "x"}, env: onPath}).must(t, "exit 0")
	plain := run(t, command{argv: []string{filepath.Join(bin, "python"), o.script, "one"}, dir: "/"}).must(t, "exit 0")
	thaws := func(reason string) {
		t.Helper()
		log := newRunLog(t)
		got := run(t, command{argv: []string{binary, "run", image, "one"}, dir: "/", env: append(onPath, log.env())})
		same(t, plain, got)
		if reason == "" {
			log.thawed(t, 1)
		} else {
			log.fellBack(t, reason)
		}
	}
	thaws("")
	cfg := filepath.Join(dir, "venv/pyvenv.cfg")
	text, err := os.ReadFile(cfg)
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(cfg)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(cfg, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(cfg, st.ModTime(), st.ModTime()); err != nil {
			t.Fatal(err)
		}
	}
	write(string(text) + "# changed\n")
	thaws("pyvenv.cfg has changed since")
	write(string(text))
	thaws("")
	link := filepath.Join(bin, "python")
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	copyFile(t, link, python, 0o755)
	thaws("bin/python has changed since")
}

// TestPthChanges changes the file beside an interpreter that says what its sys.path is.
func TestPthChanges(t *testing.T) {
	dir := tempDir(t)
	o := oddStart{script: program("odd.py")}
	pth(t, &o, dir)
	image := filepath.Join(dir, "i")
	o.freeze(t, image).must(t, "exit 0")
	o.compare(t, image, "")
	name := o.python[0] + "._pth"
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, append(text, "/nowhere\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := run(t, o.command("x")); !strings.Contains(got.Stdout, "/nowhere") {
		t.Fatalf("the file has no effect: %v", got)
	}
	o.compare(t, image, "._pth has changed since")
}
