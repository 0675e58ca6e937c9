package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestPythonPath thaws under other values of PYTHONPATH than at the freeze: sys.path and what is imported are as in a plain start, thawed where that can be.
func TestPythonPath(t *testing.T) {
	dir := tempDir(t)
	for name, text := range map[string]string{
		"one/only_one.py": "x = 1", "two/only_two.py": "x = 2", "shadow/json.py": "x = 3", "custom/sitecustomize.py": "import sys; sys.custom = 1", "empty/readme": "",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	in := func(names ...string) (out string) {
		for i, n := range names {
			if i > 0 {
				out += ":"
			}
			out += filepath.Join(dir, n)
		}
		return "PYTHONPATH=" + out
	}
	code := "import sys, json\nprint(sys.path, hasattr(sys, 'custom'), getattr(json, 'x', None))\nfor n in 'only_one', 'only_two':\n" +
		" try: print(__import__(n).x)\n except ImportError as e: print(e)\n"
	for i, c := range []struct {
		before, imports string
		now             string
		thawed          bool
	}{
		{"PYTHONPATH=", "", in("one"), true},
		{"PYTHONPATH=", "", in("two", "one", "two", "nowhere"), true},
		{"PYTHONPATH=", "", in("shadow"), false},
		{"PYTHONPATH=", "", in("custom"), false},
		{"PYTHONPATH=", "", "PYTHONPATH=one", false},
		{in("one", "empty"), "", in("empty", "two"), true},
		{in("one", "empty"), "", in("empty", "one"), false},
		{in("one"), "", "PYTHONPATH=", true},
		{in("one"), ", only_one", "PYTHONPATH=", false},
		{in("one"), ", only_one", in("one", "two"), true},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			image := filepath.Join(tempDir(t), "i")
			run(t, command{argv: []string{binary, "freeze", "-o", image, "--at", "exit", "--", python, "-c", "import json" + c.imports}, env: []string{c.before}, dir: dir}).must(t, "exit 0")
			log := newRunLog(t)
			plain := run(t, command{argv: []string{python, "-c", code}, env: []string{c.now}, dir: dir})
			same(t, plain, run(t, command{argv: []string{binary, "run", "-c", code, image}, env: []string{c.now, log.env()}, dir: dir}))
			if e := log.entries(t); len(e) != 1 || e[0].Thawed != c.thawed {
				t.Errorf("%s, then %s: %+v", c.before, c.now, e)
			}
		})
	}
}
