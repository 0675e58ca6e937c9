package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestRecipeGuide follows docs/recipes.md with a program made up for it: what freeze --captured names is what the guide's recipe repairs, and the
// thaw of it does what the plain program does.
func TestRecipeGuide(t *testing.T) {
	h := newHome(t)
	h.write("lib/app/__init__.py", "")
	h.write("lib/app/settings.py", "import sys\nARGS = sys.argv[1:]\n")
	h.write("lib/app/paths.py", "import os\nhome = os.environ.get('HOME')\n")
	h.write("lib/app/cli.py", "import os\nfrom app import settings, paths\ndef main():\n    print(settings.ARGS, paths.home, os.environ.get('APP_COMPAT'))\n")
	h.write("bin/app", "#!"+python+"\nimport sys\nsys.path.insert(1, '"+h.dir+"/lib')\nfrom app.cli import main\nmain()\n")
	h.env = append(h.env, "APP_COMPAT=")

	o := h.run(binary, "freeze", "-o", "i", "--at", "exit", "--captured", "--", "app", "--color=always", "list").must(t, "exit 0")
	for _, want := range []string{"sys.modules['app.settings'].ARGS", "sys.modules['app.paths'].home", "argv[1", "HOME"} {
		if !strings.Contains(o.Stdout, want) {
			t.Errorf("what is captured lacks %q: %s", want, o.Stdout)
		}
	}

	guide, err := os.ReadFile("../../docs/recipes.md")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile("(?s)```python\n(.*?)```").FindSubmatch(guide)
	if code == nil {
		t.Fatal("the guide has no recipe")
	}
	h.write("app-recipe.py", string(code[1]))
	o = h.run(binary, "freeze", "-o", "i", "--captured", "--recipe", "app-recipe.py", "--warm", "list", "--", "app", "--help").must(t, "exit 0")
	if strings.Contains(o.Stdout, "app.settings") || strings.Contains(o.Stdout, "app.paths") {
		t.Errorf("the recipe has not silenced %s", o.Stdout)
	}
	log := newRunLog(t)
	for _, c := range []struct {
		env    string
		args   []string
		thawed bool
	}{
		{"HOME=/other", []string{"a", "b"}, true}, {"HOME=/other", nil, true}, {"APP_COMPAT=1", []string{"c"}, false},
	} {
		before := 0
		if _, err := os.Stat(log.path); err == nil {
			before = len(log.entries(t))
		}
		plain := h.run(append([]string{c.env, "app"}, c.args...)...)
		thawed := h.run(append([]string{c.env, log.env(), binary, "run", "i"}, c.args...)...)
		if plain.Stdout != thawed.Stdout || thawed.Stderr != "" {
			t.Errorf("%s %q: %v, plain %v", c.env, c.args, thawed, plain)
		}
		e := log.entries(t)
		if len(e) != before+1 || e[before].Thawed != c.thawed {
			t.Errorf("%s %q: %+v", c.env, c.args, e)
		}
	}

	// A launcher takes the commands to warm up with, and the variables, from the recipe.
	o = h.run(binary, "install", "app", "--recipe", "app-recipe.py").must(t, "exit 0")
	text, err := os.ReadFile(filepath.Join(h.launchers, "app"))
	if err != nil || !strings.Contains(string(text), "# env: APP_PLUGINS LANG LC_*\n") || !strings.Contains(string(text), "# warm: --help\n# warm: list\n") {
		t.Errorf("%v: %s", err, text)
	}
	h.thaws("['x'] "+h.dir+" \n", "app", "x")
}
