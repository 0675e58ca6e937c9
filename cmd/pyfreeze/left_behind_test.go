package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pyfreeze/restore/behind"
)

// leftBehind is what a run of left.py changes, as it is listed.
const leftBehind = `sys.modules['leftstate'].count  was 0  is 1
sys.modules['leftstate'].secret  was not there  is 'secret of the run'
sys.modules['leftstate'].ARGS[0]  was not there  is 'a'
sys.modules['leftstate'].cache[<class 'decimal.Decimal'>]  was not there  is 1
sys.modules['leftstate'].settings.level  was 1  is 5
sys.modules['argparse'].SUPPRESS  was '==SUPPRESS=='  is 'changed'
sys.modules['posix'].environ[b'LEFT']  was not there  is b'by the run'
`

// TestLeftBehind lists what a run to the exit has changed: exactly where that is asked for, in
// short where it is not. What imports change is not among it.
func TestLeftBehind(t *testing.T) {
	image, script := filepath.Join(tempDir(t), "i"), program("left.py")
	for _, py := range []string{python, aPyenv(t, "3.13")} {
		o := pyfreeze(t, "freeze", "-o", image, "--at", "exit", "--left-behind", "--", py, script, "a")
		o.must(t, "exit 0")
		got := strings.TrimPrefix(o.Stdout, "ready 1\n")
		if diff := cmp.Diff(leftBehind, got); diff != "" || o.Stderr != "" {
			t.Errorf("%s: %s%s", py, diff, o.Stderr)
		}
		if info := pyfreeze(t, "info", "--left-behind", image).must(t, "exit 0"); info.Stdout != got {
			t.Errorf("info says %s", info.Stdout)
		}
		again := pyfreeze(t, "run", image, "b").must(t, "exit 0")
		if again.Stdout != "ready 2\n" || again.Stderr != "" {
			t.Errorf("a thaw: %v", again)
		}
	}
	o := pyfreeze(t, "freeze", "-o", image, "--at", "exit", "--", python, script, "a").must(t, "exit 0")
	if !strings.Contains(o.Stdout, "  the run left behind, for the next one on its heap:\n"+
		"    sys.modules['leftstate'].count\n    sys.modules['leftstate'].secret, new\n") ||
		!strings.Contains(o.Stdout, "    ... 1 more: pyfreeze info --left-behind "+image) ||
		strings.Contains(o.Stdout, "of the run'") || strings.Contains(o.Stdout, "argparse") {
		t.Errorf("the summary: %s", o.Stdout)
	}
	o = pyfreeze(t, "freeze", "-o", image, "--warm", "b", "--left-behind", "--json", "--", python,
		script, "a")
	var r behind.Report
	if err := json.Unmarshal([]byte(strings.TrimPrefix(o.must(t, "exit 0").Stdout, "ready 1\n")), &r); err != nil {
		t.Fatal(err)
	}
	counted := behind.Entry{Path: "sys.modules['leftstate'].count", Was: "0", Is: "2", Own: true}
	if len(r.Entries) == 0 || r.Entries[0] != counted {
		t.Errorf("a warmed one: %v", r.Entries)
	}
	for _, e := range r.Entries {
		if strings.Contains(e.Path, "open") {
			t.Errorf("the warm-up has changed %v", e)
		}
	}
	// What a recipe repairs is not told.
	recipe := filepath.Join(tempDir(t), "r.py")
	text := "FIXES = ('leftstate.ARGS[*]', 'leftstate.count')\ndef thaw(): pass\n"
	if err := os.WriteFile(recipe, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	o = pyfreeze(t, "freeze", "-o", image, "--recipe", recipe, "--at", "exit", "--left-behind", "--",
		python, script, "a")
	if got := o.must(t, "exit 0").Stdout; strings.Contains(got, ".count") ||
		strings.Contains(got, "ARGS") || !strings.Contains(got, ".level") {
		t.Error(got)
	}
	// It needs an exit to compare with.
	pyfreeze(t, "freeze", "-o", image, "--left-behind", "--", python, script).must(t, "exit 2")
	pyfreeze(t, "freeze", "-o", image, "--at", "__main__:main", "--", python, script, "a").must(t, "exit 0")
	pyfreeze(t, "info", "--left-behind", image).must(t, "exit 1").oneLine(t, "does not tell what its run left behind")
}

// TestLeftBehindAttached has a line on standard error tell that the script of an attached process
// runs again, and on what; not where a recipe is for it, or where that is not wanted.
func TestLeftBehindAttached(t *testing.T) {
	cmd := exec.Command(python, program("left.py"), "a", "wait")
	tg, err := startReady(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tg.kill() })
	dir := tempDir(t)
	image, recipe := filepath.Join(dir, "i"), filepath.Join(dir, "r.py")
	attach(t, tg.pid(), image).must(t, "exit 0")
	for _, want := range []string{"sys.modules['leftstate'].count  was 0  is 1\n",
		"sys.modules['leftstate'].secret  was not there  is 'secret of the run'\n",
		"sys.modules['leftstate'].settings.level  was 1  is 5\n", "environ[b'LEFT']  was not there  is b'by the run'\n"} {
		if o := pyfreeze(t, "info", "--left-behind", image).must(t, "exit 0"); !strings.Contains(o.Stdout, want) {
			t.Errorf("no %q in %s", want, o.Stdout)
		}
	}
	o := pyfreeze(t, "run", image, "b").must(t, "exit 0")
	o.oneLine(t, "the script runs again on a heap that has run", "no recipe", "sys.modules['leftstate'].count",
		"and 1 more", "info --left-behind")
	if o.Stdout != "ready 2\n" || strings.Contains(o.Stderr, "secret of") {
		t.Error(o)
	}
	for _, args := range [][]string{{"run", "-q", image, "b"}, {"run", "--quiet", image, "b"},
		{"run", "-c", "print('ready 2')", image}} {
		if o := pyfreeze(t, args...).must(t, "exit 0"); o.Stdout != "ready 2\n" || o.Stderr != "" {
			t.Errorf("%v: %v", args, o)
		}
	}
	if err := os.WriteFile(recipe, []byte("def thaw(): pass\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	attach(t, tg.pid(), image, "--recipe", recipe).must(t, "exit 0")
	if o := pyfreeze(t, "run", image, "b").must(t, "exit 0"); o.Stdout != "ready 2\n" || o.Stderr != "" {
		t.Errorf("with a recipe: %v", o)
	}
}
