package main

import (
	"path/filepath"
	"testing"
)

// TestCapturedVariables has a module that keeps values of the environment: with others the plain command runs.
func TestCapturedVariables(t *testing.T) {
	h := newHome(t)
	h.write("main.py", "import keeps, os\nprint(keeps.cache, keeps.editor, os.environ.get('HOME'), os.environ.get('OTHER'))\n")
	h.write("keeps.py", "import os\ncache = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache') + '/keeps'\neditor = os.environ.get('EDITOR')\n")
	h.env = append(h.env, "EDITOR=an editor", "OTHER=another value")
	unset := []string{"-u", "XDG_CACHE_HOME"} // newHome sets it to nothing
	h.run(append(unset, binary, "freeze", "-o", "i", "--at", "exit", "--", python, filepath.Join(h.dir, "main.py"))...).must(t, "exit 0")
	for _, c := range []struct {
		env    []string
		thawed bool
	}{
		{nil, true}, {[]string{"OTHER=third"}, true}, {[]string{"HOME=/nowhere"}, false}, {[]string{"EDITOR=ed itor"}, false}, {[]string{"XDG_CACHE_HOME=/cache"}, false},
		{[]string{"-u", "EDITOR"}, false},
	} {
		log := newRunLog(t)
		env := append(append([]string{}, unset...), c.env...)
		plain := h.run(append(env, python, filepath.Join(h.dir, "main.py"))...).must(t, "exit 0")
		env = append(env, log.env())
		if got := h.run(append(env, binary, "run", "i")...); got.Stdout != plain.Stdout {
			t.Errorf("with %q: %q, plain %q", c.env, got.Stdout, plain.Stdout)
		}
		if c.thawed {
			log.thawed(t, 1)
		} else {
			log.fellBack(t, "when it was frozen")
		}
	}
}

// TestLocalModules has a program that imports modules of the directory where it runs, as pytest and sphinx do: in another directory it
// imports those of that.
func TestLocalModules(t *testing.T) {
	h := newHome(t)
	h.write("bin/main.py", "import os, sys\nsys.path.insert(0, os.getcwd())\nimport json, project, project.part\nprint(project.name, project.part.name, json.__name__, sorted({p for p in sys.path if p.startswith('"+h.dir+"/')}))\n")
	for _, name := range []string{"one", "two"} {
		h.write(name+"/project/__init__.py", "name = '"+name+"'\n")
		h.write(name+"/project/part.py", "name = 'part of "+name+"'\n")
	}
	script := filepath.Join(h.dir, "bin/main.py")
	h.run("-C", "one", binary, "freeze", "-o", "../i", "--at", "exit", "--", python, script).must(t, "exit 0")
	log := newRunLog(t)
	for _, dir := range []string{"two", "one"} {
		plain := h.run("-C", dir, python, script).must(t, "exit 0")
		got := h.run("-C", dir, log.env(), binary, "run", "../i").must(t, "exit 0")
		if got.Stdout != plain.Stdout || got.Stderr != "" {
			t.Errorf("in %s: %v, plain %v", dir, got, plain)
		}
	}
	log.thawed(t, 2)
}
