package script

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pyfreeze/restore/internal/target"
)

// initialSource has one of each way in which code sets a name.
const initialSource = `
import os
from os import path
ONE = 1
NOTHING, NEGATIVE = None, -1
LIST = []
DICT = {}
SET = set()
MADE = dict()
WORDS = ['a', 'b', 'c']
TUPLE = (1, 'a', None)
CHOSEN = 'x' if os else 'y'
TWICE = 1
TWICE = 2
FILLED = {'a': 1}
counted = 0
removed = 1
del removed
def f():
    global counted, late
    counted += 1
    late = 5
class Plain:
    a = 1
    seen = []
    def __init__(self, other):
        self.level = 1
        self.items = []
        self.other = other
        other.level = 2
        ().x = 1
        self.twice = 1
        self.twice = 2
class Derived(Plain):
    c = 2
try:
    GUARDED = 1
except Exception:
    GUARDED = 2
for looped in (1,):
    pass
if ONE:
    SURE = 3
`

// TestInitialNames reads what modules set from their code, of all versions.
func TestInitialNames(t *testing.T) {
	dir := t.TempDir()
	module := func(name, text string) Module {
		m := Module{Name: name, File: filepath.Join(dir, name+".py")}
		if err := os.WriteFile(m.File, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return m
	}
	mods := []Module{module("plain", initialSource), module("star", "from os.path import *\nx = 1\n"),
		module("broken", "x = (\n"), {Name: "none", File: dir + "/none.py"},
		module("sets", "globals()['x'] = 1\n")}
	want := map[string]string{"ONE": "1", "NOTHING": "", "LIST": "[]", "DICT": "{}", "SET": "set()",
		"MADE": "{}", "WORDS": "['a', 'b', 'c']", "TUPLE": "(1, 'a', None)", "counted": "0", "SURE": "3",
		"Plain.a": "1", "Plain.seen": "[]", "Plain().level": "1", "Plain().items": "[]"}
	delete(want, "NOTHING") // two names at a time
	for _, exe := range target.Interpreters(t) {
		got, err := InitialNames(t.Context(), exe, nil, mods)
		if err != nil {
			t.Fatal(err)
		}
		plain := got["plain"]
		for name := range plain.Values {
			if strings.Contains(name, ".__") {
				delete(plain.Values, name)
			}
		}
		if strings.Contains(exe, "/3.8.") {
			delete(want, "WORDS") // it is built from its items
		}
		if diff := cmp.Diff(want, plain.Values); diff != "" {
			t.Errorf("%s: %s", exe, diff)
		}
		want["WORDS"] = "['a', 'b', 'c']"
		if plain.Open || !slices.Contains(plain.Names, "looped") || slices.Contains(plain.Names, "late") ||
			slices.Contains(plain.Names, "seen") {
			t.Errorf("%s: %v", exe, plain)
		}
		if !got["star"].Open || !got["sets"].Open || got["star"].Values["x"] != "1" {
			t.Errorf("%s: %v", exe, got)
		}
		if len(got) != 3 {
			t.Errorf("%s: code that cannot be read: %v", exe, got)
		}
	}
}

// TestInitialNamesCached reads byte code where it is of the source, and else the source.
func TestInitialNamesCached(t *testing.T) {
	dir := t.TempDir()
	m := Module{Name: "m", File: dir + "/m.py", Cached: dir + "/__pycache__/m.cpython-311.pyc"}
	write := func(text string) {
		if err := os.WriteFile(m.File, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("x = 1\n")
	if out, err := exec.Command(target.Debian, "-m", "py_compile", m.File).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	st, err := os.Stat(m.File)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{"x = 2\n": "1", "x = 22\n": "22"} { // by size and time
		write(text)
		if err := os.Chtimes(m.File, st.ModTime(), st.ModTime()); err != nil {
			t.Fatal(err)
		}
		got, err := InitialNames(t.Context(), target.Debian, nil, []Module{m})
		if err != nil || got["m"].Values["x"] != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

// TestMagic tells interpreters apart.
func TestMagic(t *testing.T) {
	seen := map[string]string{}
	for _, exe := range target.Interpreters(t) {
		got, err := Magic(t.Context(), exe, nil)
		if err != nil || len(strings.Fields(got)) != 2 || seen[got] != "" {
			t.Errorf("%s: %q, as %s, %v", exe, got, seen[got], err)
		}
		seen[got] = exe
	}
	if _, err := Magic(t.Context(), "/bin/false", nil); err == nil {
		t.Error("no interpreter tells its byte code")
	}
}
