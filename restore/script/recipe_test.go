package script

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pyfreeze/restore/internal/target"
)

// What a recipe declares is read without running it: what is read must be what Python reads.
func TestShippedRecipesDeclare(t *testing.T) {
	const tell = `
import ast, json, sys
names = ('PROGRAMS KEY WARM WARM_ENV GUARDS FIXES DETECT RESET_SIGNALS ENV COUNT').split()
told = {}
for node in ast.parse(open(sys.argv[1]).read()).body:
    if isinstance(node, ast.Assign) and node.targets[0].id in names:
        v = ast.literal_eval(node.value)
        told[node.targets[0].id] = [v] if isinstance(v, str) else list(v)
print(json.dumps(told))`
	files, err := filepath.Glob("recipes/*.py")
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		r, err := ReadRecipe(file)
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(target.Debian, "-c", tell, file).Output()
		if err != nil {
			t.Fatal(err)
		}
		var want map[string][]string
		if err := json.Unmarshal(out, &want); err != nil {
			t.Fatal(err)
		}
		for name, got := range map[string][]string{"PROGRAMS": r.Programs, "KEY": r.Key,
			"WARM": r.Warm, "WARM_ENV": r.WarmEnv, "GUARDS": r.Guards, "FIXES": r.Fixes,
			"DETECT": r.detect, "RESET_SIGNALS": r.resetSignals, "ENV": r.env, "COUNT": r.count} {
			if !slices.Equal(got, want[name]) {
				t.Errorf("%s: %s is %q, want %q", file, name, got, want[name])
			}
		}
		if len(r.detect) != 1 {
			t.Errorf("%s tells no module", file)
		}
	}
}

// Any file is read as a recipe: what it declares are words on one line each, of the file itself.
func FuzzParseRecipe(f *testing.F) {
	for _, s := range []string{"KEY = ('a', \"b\")", "KEY=('a',\n'b')", "KEY = 'x'", " KEY = ('a')",
		"KEY = (", "ENV = ()\nENV = ('x')", "KEY = ('a\x00')", "GUARDS = ('''a''')", "KEY = (('a')"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		r := parseRecipe("n", source)
		for _, list := range [][]string{r.Key, r.Programs, r.Warm, r.WarmEnv, r.Guards, r.Fixes,
			r.detect, r.resetSignals, r.env, r.count} {
			for _, w := range list {
				if strings.Contains(w, "\n") || !strings.Contains(source, w) {
					t.Errorf("%q is declared by %q", w, source)
				}
			}
		}
		if r.sources[0] != source {
			t.Error("its source has changed")
		}
	})
}

// Recipes that come together do what each does; a program has one name, libraries add theirs.
func TestAddRecipes(t *testing.T) {
	hg, err := ShippedRecipe("hg")
	if err != nil || hg == nil || hg.isLibrary() {
		t.Fatal(hg, err)
	}
	if none, err := ShippedRecipe("hgx"); none != nil || err != nil {
		t.Error(none, err)
	}
	all, _ := shippedRecipes()
	chosen := &Recipe{}
	for _, r := range all {
		chosen.add(r)
		if r.isLibrary() == (r.Name == "hg") {
			t.Errorf("%s is a library: %v", r.Name, r.isLibrary())
		}
	}
	if chosen.Name != "hg, matplotlib, numpy" || len(chosen.sources) != len(all) ||
		!slices.Contains(chosen.Guards, "MPLBACKEND") ||
		!slices.Contains(chosen.Guards, "HGMODULEPOLICY") {
		t.Errorf("%s %v", chosen.Name, chosen.Guards)
	}
	if _, err := ReadRecipe("recipes/none.py"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// What cannot be compiled is said in one line; nothing of this process's variables counts.
func TestCompileFails(t *testing.T) {
	t.Setenv("PYTHONHOME", "/nowhere")
	t.Setenv("PYTHONSTARTUP", "/nowhere")
	th := newThaw(t, "-c", "print('fine')")
	if got := th.thawed(); got.out != "fine\n" {
		t.Errorf("%+v", got)
	}
	ctx, bad := context.Background(), &Recipe{sources: []string{"def thaw(:"}}
	_, err := Compile(ctx, target.Debian, bad, "", 0, nil, Config{})
	if err == nil || !strings.HasSuffix(err.Error(), "SyntaxError: invalid syntax") ||
		strings.Contains(err.Error(), "\n") {
		t.Errorf("a recipe that is wrong: %v", err)
	}
	if _, err := Compile(ctx, "/bin/false", &Recipe{}, "", 0, nil, Config{}); err == nil {
		t.Error("/bin/false compiles")
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := Compile(ended, target.Debian, &Recipe{}, "", 0, nil, Config{}); err == nil {
		t.Error("a context that has ended compiles")
	}
	// A script that is wrong is compiled when it is run, so that its user sees why.
	th = newThaw(t)
	th.script = th.file("s.py", "1 +")
	th.argv = []string{th.script}
	th.same()
}

// numpy's own generator is another in each thaw, as Python's is; without the recipe it is not.
func TestNumpyRecipe(t *testing.T) {
	th := newThaw(t, "-c", "import numpy, random; print(numpy.random.random())")
	th.frozen = "import numpy.random; numpy.random.seed(1)"
	numpy, err := ReadRecipe("recipes/numpy.py")
	if err != nil {
		t.Fatal(err)
	}
	one := th.thawed().out
	if again := th.thawed().out; one != again || one == "" {
		t.Errorf("without a recipe there are %q and %q", one, again)
	}
	th.recipe = numpy
	first, second := th.thawed().out, th.thawed().out
	if first == second || first == one || first == "" {
		t.Errorf("with the recipe there are %q and %q, without %q", first, second, one)
	}
}

// Mercurial's captured values are what it makes of the same start when it is imported anew.
func TestMercurialRecipe(t *testing.T) {
	t.Parallel()
	hg, err := ShippedRecipe("hg")
	if err != nil {
		t.Fatal(err)
	}
	const tell = `
import os, sys
from mercurial import dispatch, encoding, pycompat, util, posix, commands
from mercurial.utils import procutil
print(encoding.encoding, encoding.encodingmode, encoding._wide, util.umask, posix.umask)
print(pycompat.sysargv, pycompat.sysexecutable)
print([o[2] for o in commands.globalopts if o[1].startswith(b'encoding')])
procutil.stdout.write(b'out\n'); procutil.stdout.flush()
print(type(procutil.stdin).__name__, sys.stdin and procutil.stdin.read())`
	for _, env := range [][]string{nil, {"HGENCODING=latin-1"},
		{"HGENCODING=ascii", "HGENCODINGMODE=ignore", "HGENCODINGAMBIGUOUS=wide"}} {
		for _, start := range []string{`umask 077; echo in | { exec "$@"; }`, `exec "$@" <&-`} {
			th := newThaw(t, "-c", tell, "word")
			th.recipe, th.start = hg, start
			th.frozen = "import sys, os\nsys.argv = ['hg', 'old']\nos.umask(0o27)\n" +
				"import io; sys.stdin = sys.stdin or io.TextIOWrapper(io.BytesIO())\n" +
				"from mercurial import dispatch, encoding, pycompat, util, posix, commands, extensions\n" +
				"from mercurial.utils import procutil\nencoding.encoding = b'other'\nos.umask(0o77)"
			if strings.HasPrefix(start, "exec") {
				th.start = `umask 077; ` + start
			}
			th.old = append(th.old[:4:4], "HGENCODING=utf-8")
			th.env = append(th.env, env...)
			th.config = func(cfg *Config) { cfg.Count["mercurial.dispatch.lazyaliasentry"] = 0 }
			th.same()
		}
	}
}
