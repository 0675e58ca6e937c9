package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFoundFiles changes files that a program has read or looked at before its point in ways that
// leave their sizes and times as they were.
func TestFoundFiles(t *testing.T) {
	h := newHome(t)
	lib := filepath.Join(h.dir, "lib")
	sh := func(script string) {
		t.Helper()
		c := exec.Command("sh", "-ec", script)
		c.Dir = lib
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", script, err, out)
		}
	}
	const set = "touch -d '2001-02-03 04:05:06.789' "
	const other = "printf two >f.new && " + set + "f.new && mv f.new f"
	const copied = "printf one >f.new && " + set + "f.new && mv f.new f"
	const inPlace = "printf two >f && " + set + "f"
	for _, c := range []struct{ reads, change, why string }{
		{"open(here + 'f').read()", other, "lib/f has changed"},
		{"open(here + 'f').read()", copied, ""},
		{"open(here + 'f').read()", inPlace, "lib/f has changed"},
		{"open(here + 'f').read()", "chmod 600 f", ""},
		{"os.path.exists(here + 'd') and os.path.isdir(here + 'd')", "chmod 700 d; touch d/new", ""},
		{"os.access(here + 'f', os.X_OK)", "chmod 755 f", "lib/f has changed"},
		{"os.access(here + 'd', os.R_OK)", "touch d/new", ""},
		{"oct(os.stat(here + 'f').st_mode)", "chmod 600 f", "lib/f has changed"},
		{"os.stat(here + 'f').st_size", copied, ""},
		{"pathlib.Path(here + 'f').stat().st_uid", "chown 7 f", "lib/f has changed"},
		{"pathlib.Path(here + 'd').exists() and pathlib.Path(here + 'd').is_dir()", "chmod 700 d; touch d/new", ""},
		{"os.path.getmtime(here + 'd')", "touch d/new", "lib/d has changed"},
		{"os.stat(here + 'd').st_mtime", "touch d/new", "lib/d has changed"},
	} {
		h.write("lib/prog.py", "import os, pathlib, sys\nhere = '"+lib+"/'\nGOT = "+c.reads+"\nprint(GOT, sys.argv[1:])\n")
		sh("rm -rf f d; printf one >f; " + set + "f; mkdir d; touch -d 2001-01-01 d")
		if os.Getuid() != 0 && c.change[:5] == "chown" {
			continue
		}
		h.run(binary, "freeze", "-o", "i", "--", python, "lib/prog.py").must(t, "exit 0")
		log := newRunLog(t)
		h.same(t, log, nil, "lib/prog.py")
		log.thawed(t, 1)
		sh(c.change)
		log = newRunLog(t)
		h.same(t, log, nil, "lib/prog.py")
		if c.why == "" {
			log.thawed(t, 1)
		} else {
			log.fellBack(t, c.why)
		}
	}
}

// TestScriptPutInPlace puts another script of the same size and time in the place of one that an
// image runs again.
func TestScriptPutInPlace(t *testing.T) {
	h := newHome(t)
	put := func(text string) {
		t.Helper()
		h.write("prog.new", text)
		if out, err := exec.Command("sh", "-ec", "cd "+h.dir+"; touch -d 2001-01-01 prog.new; mv prog.new prog.py").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	put("print('one')\n")
	h.run(binary, "freeze", "--at", "exit", "-o", "i", "--", python, "prog.py").must(t, "exit 0")
	log := newRunLog(t)
	h.same(t, log, nil, "prog.py")
	put("print('two')\n")
	h.same(t, log, nil, "prog.py")
	log.thawed(t, 2)
}

// TestFoundShared has a program list a directory in which everybody makes files: it is frozen
// before that, so an image fits whatever lies there.
func TestFoundShared(t *testing.T) {
	h, log := newHome(t), newRunLog(t)
	h.write("shared/one", "")
	if err := os.Chmod(filepath.Join(h.dir, "shared"), 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	dir := h.dir
	h.write("prog.py", "import sys, os\nNAMES = sorted(os.listdir('"+dir+"/shared'))\nprint(NAMES, sys.argv[1:])\n")
	o := h.run(binary, "freeze", "-o", "i", "--", python, dir+"/prog.py").must(t, "exit 0")
	if !strings.Contains(o.Stdout, "prog.py:2 in <module>, before the program reads "+dir+"/shared, which changes") {
		t.Errorf("frozen elsewhere: %v", o)
	}
	h.write("shared/two", "")
	h.same(t, log, nil, dir+"/prog.py")
	log.thawed(t, 1)
}
