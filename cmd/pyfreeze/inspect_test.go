package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// inspected is a running testdata/python/inspected.py and what it knows of itself.
type inspected struct {
	*target
	dir     string
	python  string
	version string
	facts   inspectedFacts
}

type inspectedFacts struct {
	Counts    map[string]int     `json:"counts"`
	Sizes     map[string]uint64  `json:"sizes"`
	Addresses map[string]string  `json:"addresses"`
	Modules   map[string]*string `json:"modules"`
	SQLite    bool               `json:"sqlite"`
	Threads   map[string][]any   `json:"threads"` // by ident: name and whether it is a daemon
}

func startInspected(t *testing.T, python string) *inspected {
	t.Helper()
	x := &inspected{dir: tempDir(t), python: python}
	file := filepath.Join(x.dir, "facts.json")
	var err error
	if x.target, err = startProgram(program("inspected.py"), file, targetOptions{python: python, dir: x.dir}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.cmd.Process.Kill(); _ = x.cmd.Wait() }) // it may have ended
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &x.facts); err != nil {
		t.Fatal(err)
	}
	x.version = strings.TrimSpace(run(t, command{argv: []string{python, "-c", "import platform; print(platform.python_version())"}}).must(t, "exit 0").Stdout)
	return x
}

// inspectedPythons are Debian's interpreter and those of pyenv that are here.
func inspectedPythons(t *testing.T) []string {
	out := []string{python}
	home, err := os.UserHomeDir()
	if err != nil {
		return out
	}
	for minor := 8; minor <= 13; minor++ {
		found, _ := filepath.Glob(fmt.Sprintf("%s/.pyenv/versions/3.%d.*/bin/python3", home, minor)) // the pattern is fine
		if len(found) == 0 {
			t.Logf("no Python 3.%d of pyenv here: not tested", minor)
		}
		out = append(out, found...)
	}
	return out
}

func (x *inspected) gcore(t *testing.T) string {
	t.Helper()
	prefix := filepath.Join(x.dir, "gcore")
	run(t, command{argv: []string{"gcore", "-o", prefix, strconv.Itoa(x.pid())}}).must(t, "exit 0")
	return prefix + "." + strconv.Itoa(x.pid())
}

// abort ends the target so that the kernel writes a core file to dir, its working directory; "" where the kernel
// gives it to a program.
func (tg *target) abort(t *testing.T, dir string) string {
	t.Helper()
	pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	if err != nil || strings.ContainsAny(string(pattern), "|/") {
		t.Logf("core files do not go to the working directory here (core_pattern %q): the kernel's are not tested", pattern)
		return ""
	}
	var old, all unix.Rlimit
	if err := unix.Prlimit(tg.pid(), unix.RLIMIT_CORE, nil, &old); err != nil {
		t.Fatal(err)
	}
	all = unix.Rlimit{Cur: old.Max, Max: old.Max}
	if err := unix.Prlimit(tg.pid(), unix.RLIMIT_CORE, &all, nil); err != nil || all.Cur == 0 {
		t.Logf("no core files are allowed here (%v): the kernel's are not tested", err)
		return ""
	}
	if err := tg.cmd.Process.Signal(syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	_ = tg.cmd.Wait()                                      // reports the signal
	found, _ := filepath.Glob(filepath.Join(dir, "core*")) // the pattern is fine
	if len(found) != 1 {
		t.Fatalf("core files: %q", found)
	}
	return found[0]
}

// TestInspect tells the same scripts on a process, its core files and its image, and compares the answers.
func TestInspect(t *testing.T) {
	if _, err := exec.LookPath("gcore"); err != nil {
		t.Fatal(err)
	}
	for _, py := range inspectedPythons(t) {
		x := startInspected(t, py)
		t.Run(x.version, func(t *testing.T) {
			x.stacksAgree(t)
			before := takeSnapshot(t, x.pid())
			targets := []struct{ kind, path string }{{"process", strconv.Itoa(x.pid())}, {"core", x.gcore(t)}}
			if py == python {
				image := filepath.Join(x.dir, "image")
				attach(t, x.pid(), image).must(t, "exit 0")
				targets = append(targets, struct{ kind, path string }{"image", image})
			}
			for _, tg := range targets {
				if py == python || tg.kind == "core" { // the process gives the same answers, below
					x.scripts(t, tg.kind, tg.path)
				}
			}
			x.censusAgrees(t, targets[0].path)
			waitSame(t, x.pid(), before)
			want := x.answers(t, targets[0].path)
			same := func(path string, but ...string) {
				for question, answer := range x.answers(t, path) {
					if answer != want[question] && !slices.Contains(but, question) {
						t.Errorf("inspect %s of %s:\n%s\nof the process:\n%s", question, path, answer, want[question])
					}
				}
			}
			same(targets[1].path)
			if len(targets) > 2 {
				same(targets[2].path, "struct _PyRuntime") // which is reset for the thaw
			}
			if core := x.abort(t, x.dir); core != "" {
				if py == python {
					x.scripts(t, "core", core)
				}
				same(core)
			} else if err := x.finish(); err != nil {
				t.Error(err)
			}
		})
	}
}

// scripts runs the scripts in testdata/inspect.
func (x *inspected) scripts(t *testing.T, kind, path string) {
	t.Run(kind, func(t *testing.T) {
		testscript.RunT(inTurn{t}, testscript.Params{
			Dir: "../../testdata/inspect",
			Setup: func(e *testscript.Env) error {
				minor := strings.Split(x.version, ".")[1]
				e.Vars = append(e.Vars, "TARGET="+path, "KIND="+kind, "VERSION="+x.version, "MINOR="+minor,
					"PID="+strconv.Itoa(x.pid()), "XDG_CACHE_HOME="+os.Getenv("XDG_CACHE_HOME"),
					"PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"), "NODE="+x.facts.Addresses["node"])
				return nil
			},
			Condition: func(cond string) (bool, error) {
				return cond == kind || cond == "sqlite" && x.facts.SQLite || cond == "orig_argv" && !strings.HasPrefix(x.version, "3.8.") && !strings.HasPrefix(x.version, "3.9."), nil
			},
		})
	})
}

// inTurn runs scripts one after the other: only one can trace a process at a time.
type inTurn struct{ *testing.T }

func (t inTurn) Parallel()     {}
func (t inTurn) Verbose() bool { return testing.Verbose() }
func (t inTurn) Run(name string, fn func(testscript.T)) {
	t.T.Run(name, func(t *testing.T) { fn(inTurn{t}) })
}

// answers asks questions whose answers do not depend on where the memory comes from.
func (x *inspected) answers(t *testing.T, target string) map[string]string {
	out := map[string]string{}
	for _, q := range []string{"types", "modules", "show node --depth 4 --path --referrers", "show sys.flags", "show os.environ._data --full",
		"show generator", "struct _PyRuntime", "struct node", "struct PyTypeObject Node"} {
		words := strings.Fields(q)
		args := append([]string{"inspect", words[0], target}, append(words[1:], "--json")...)
		out[q] = pyfreeze(t, args...).must(t, "exit 0").Stdout
	}
	return out
}

// censusAgrees compares counts, sizes and modules with what the target itself says.
func (x *inspected) censusAgrees(t *testing.T, target string) {
	var census struct{ Types []typeRow }
	inspectJSON(t, &census, "types", target)
	counts := map[string]int{}
	for _, r := range census.Types {
		counts[r.Name] += r.Count
	}
	for name, want := range x.facts.Counts {
		if counts[name] != want {
			t.Errorf("%d objects of %s, the target says %d", counts[name], name, want)
		}
	}
	for name, want := range x.facts.Sizes {
		var o shownObject
		inspectJSON(t, &o, "show", target, name)
		if o.Size != want || o.Addr != x.facts.Addresses[name] {
			t.Errorf("%s: %d bytes at %s, the target says %d at %s", name, o.Size, o.Addr, want, x.facts.Addresses[name])
		}
	}
	var mods struct{ Modules []moduleRow }
	inspectJSON(t, &mods, "modules", target)
	if len(mods.Modules) != len(x.facts.Modules) {
		t.Errorf("%d modules, the target says %d", len(mods.Modules), len(x.facts.Modules))
	}
	for _, m := range mods.Modules {
		if file, ok := x.facts.Modules[m.Name]; !ok || file != nil && *file != m.File {
			t.Errorf("module %+v, the target says %v", m, file)
		}
	}
}

func inspectJSON(t *testing.T, into any, args ...string) {
	t.Helper()
	o := pyfreeze(t, append([]string{"inspect", "--json"}, args...)...).must(t, "exit 0")
	if err := json.Unmarshal([]byte(o.Stdout), into); err != nil {
		t.Fatalf("inspect %q: %v\n%s", args, err, o.Stdout)
	}
}
