package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestFast tries the programs whose packages all tests need.
func TestFast(t *testing.T) {
	h := &harness{pyfreeze: build(t), rounds: 1, timings: 1}
	s := serve(t)
	for _, p := range fast {
		t.Run(p.name, func(t *testing.T) {
			r, err := h.tryOne(t.Context(), &p, s)
			if err != nil {
				t.Fatal(err)
			}
			if !r.good(&p) {
				t.Errorf("%s: %s", r.verdict(), r.why())
			}
		})
	}
}

func build(t *testing.T) string {
	t.Helper()
	pyfreeze := filepath.Join(t.TempDir(), "pyfreeze")
	if out, err := exec.Command("go", "build", "-ldflags", "-E pyfreeze/restore/stub.entry", "-o", pyfreeze,
		"pyfreeze/cmd/pyfreeze").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return pyfreeze
}

func serve(t *testing.T) *server {
	t.Helper()
	s, err := newServer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

// TestChanged has a program that reads a file after its point, and one that reads it before: after
// a change of the file the first thaws, of the second the plain command runs; none is wrong.
func TestChanged(t *testing.T) {
	h := &harness{pyfreeze: build(t), rounds: 1, timings: 1}
	s := serve(t)
	for _, c := range []struct {
		name, script string
		thawed       int
	}{
		{"after", "import sys\ndef main():\n    print(sys.argv, open('conf').read(), sys.stdout.isatty())\nmain()\n", 2},
		{"before", "import sys\nconf = open('conf').read()\ntty = sys.stdout.isatty()\nprint(sys.argv, conf, tty)\n", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := program{name: c.name, packages: "python3.11", command: "/usr/bin/python3.11 s.py", warm: "warm", inPlace: true, cases: []string{"a", "b c"},
				files: map[string]string{"s.py": c.script, "conf": "as frozen"}, after: map[string]string{"conf": "changed"}, afterCases: []string{"a"}}
			r, err := h.tryOne(t.Context(), &p, s)
			if err != nil {
				t.Fatal(err)
			}
			if r.Point == "" {
				t.Error("it is not told where a thaw goes on")
			}
			if r.verdict() != works || r.Runs != (count{Runs: 4, Thawed: 4}) || r.Changed != (count{Runs: 2, Thawed: c.thawed}) {
				t.Errorf("%s: %s, %+v, changed %+v: %v", r.verdict(), r.why(), r.Runs, r.Changed, r.AfterChange)
			}
		})
	}
}

// TestWrong has a pyfreeze whose thaws say something else, and one whose thaws are none.
func TestWrong(t *testing.T) {
	for _, c := range []struct{ name, run, verdict string }{
		{"wrong", `echo '{"thawed":true,"reason":""}' >$PYFREEZE_LOG; echo else`, wrong},
		{"plain", `echo '{"thawed":false,"reason":"a reason"}' >$PYFREEZE_LOG; echo x`, fallsBack},
		{"silent", `echo x`, fallsBack},
		{"refused", `echo x`, refuses},
	} {
		t.Run(c.name, func(t *testing.T) {
			pyfreeze := filepath.Join(t.TempDir(), "pyfreeze")
			freeze := ""
			if c.verdict == refuses {
				freeze = "echo 'pyfreeze: cannot freeze: a reason' >&2; exit 6"
			}
			text := "#!/bin/sh\nif [ $1 = freeze ]; then\n" + freeze + "\nexit 0\nfi\n" + c.run + "\n"
			if err := os.WriteFile(pyfreeze, []byte(text), 0o755); err != nil {
				t.Fatal(err)
			}
			p := program{name: "p", packages: "python3.11", command: "/bin/echo x", warm: "w", cases: []string{""}}
			r, err := (&harness{pyfreeze: pyfreeze, rounds: 1, timings: 1}).tryOne(t.Context(), &p, serve(t))
			if err != nil {
				t.Fatal(err)
			}
			if r.verdict() != c.verdict || r.why() == "" || r.good(&p) {
				t.Errorf("%s: %q", r.verdict(), r.why())
			}
		})
	}
}

// TestTerminal runs a program on a terminal and without one.
func TestTerminal(t *testing.T) {
	b, err := newBench(t.Context(), &program{name: "p"}, "", t.TempDir(), serve(t))
	if err != nil {
		t.Fatal(err)
	}
	b.work = b.base
	words := []string{"/bin/sh", "-c", "test -t 0 && test -t 1 && test -t 2; echo $? $(stty size 2>&1); cat"}
	for _, c := range []struct {
		terminal bool
		want     string
	}{{true, "0 24 80\r\n"}, {false, "1 stty: "}} {
		if c.terminal {
			words[2] = strings.TrimSuffix(words[2], "; cat") // nobody types
		}
		o, err := b.run(t.Context(), words, "", c.terminal)
		if err != nil || !strings.HasPrefix(o.stdout, c.want) {
			t.Errorf("terminal %v: %v %+v", c.terminal, err, o)
		}
	}
}

// TestPlugin installs packages into a copy of a virtual environment; the one that was copied stays.
func TestPlugin(t *testing.T) {
	ctx := context.Background()
	venv, own := filepath.Join(t.TempDir(), "venv"), filepath.Join(t.TempDir(), "own")
	if out, err := exec.Command("/usr/bin/python3.11", "-m", "venv", venv).CombinedOutput(); err != nil {
		t.Skipf("no python3.11-venv here: %v %s", err, out)
	}
	if err := ownVenv(ctx, venv, own); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ version, text string }{{"1.0", "x = 1"}, {"2.0", "x = 2"}} {
		files := map[string]string{"compat_mod.py": c.text, "entry_points.txt": "[g]\nn = compat_mod:x\n"}
		if err := install(ctx, own, t.TempDir(), c.version, files); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(own+"/bin/python", "-c", "import importlib.metadata as m\n"+
			"for e in m.entry_points(group='g'): print(e.name, e.load(), m.version('compatplugin'))").CombinedOutput()
		if want := "n " + c.text[4:] + " " + c.version + "\n"; err != nil || string(out) != want {
			t.Errorf("%v %q, want %q", err, out, want)
		}
	}
	out, err := exec.Command(own+"/bin/pip", "list").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "compatplugin") {
		t.Errorf("pip of the copy: %v %s", err, out)
	}
	if out, err := exec.Command(venv+"/bin/pip", "list").CombinedOutput(); err != nil || strings.Contains(string(out), "compatplugin") {
		t.Errorf("pip of the original: %v %s", err, out)
	}
}

// TestPinned checks that each program's package is in the file of its virtual environment.
func TestPinned(t *testing.T) {
	programs, err := all()
	if err != nil {
		t.Fatal(err)
	}
	if len(programs) < 80 {
		t.Errorf("%d programs only", len(programs))
	}
	var names []string
	for _, p := range programs {
		names = append(names, p.name)
		if p.venv == "" {
			continue
		}
		text, err := os.ReadFile(filepath.Join("../../../..", pins, p.venv+".txt"))
		if err != nil {
			t.Error(err)
			continue
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "pins.txt"), text, 0o644); err != nil {
			t.Fatal(err)
		}
		if v, err := pinned(dir, p.wheel); err != nil || v == "" {
			t.Errorf("%s: %q %v", p.name, v, err)
		}
	}
	slices.Sort(names)
	if len(slices.Compact(names)) != len(programs) {
		t.Errorf("a name comes twice: %q", names)
	}
}

// TestDescribe reads a description, and some that are none.
func TestDescribe(t *testing.T) {
	const good = "venv: v\nwheel: w\nstands: s\ncommand: c\ncase: 1\ncase: 2\ncase: 3\ncase: 4\nafter: x\n-- f --\n1\n-- after/d/f --\n2\n"
	p, err := describe("n", []byte(good))
	if err != nil || p.files["f"] != "1\n" || p.after["d/f"] != "2\n" || len(p.cases) != 4 {
		t.Errorf("%v %+v", err, p)
	}
	for _, bad := range []string{"nosuch: x\n" + good, "x\n" + good, "varies: (\n" + good, strings.Replace(good, "after: x\n", "", 1),
		strings.Replace(good, "case: 4\n", "", 1), "warm: 4\n" + good, strings.Replace(good, "command: c\n", "", 1), "plugin: x\n" + good} {
		if _, err := describe("n", []byte(bad)); err == nil {
			t.Errorf("no error for %q", bad)
		}
	}
}

// TestKept writes results and reads them again; what is right is not tried again.
func TestKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d", "results.json")
	k, err := keptIn(path)
	if err != nil {
		t.Fatal(err)
	}
	rows := []row{{Name: "works", Cases: 1, Runs: count{Runs: 2, Thawed: 2}, Plain: 100, Thawed: 10}, {Name: "wrong", Runs: count{Runs: 2, Thawed: 1, Wrong: 1}},
		{Name: "plain", Runs: count{Runs: 2, Thawed: 1}, Plain: 100, Thawed: 150}, {Name: "refused", Refused: "x; y"}, {Name: "absent", Absent: "z"}}
	for _, r := range rows {
		if err := k.put(r); err != nil {
			t.Fatal(err)
		}
	}
	if k, err = keptIn(path); err != nil {
		t.Fatal(err)
	}
	var programs []program
	for _, r := range rows {
		programs = append(programs, program{name: r.Name})
	}
	programs = append(programs, program{name: "new"})
	h := &harness{kept: k, retry: true}
	var again []string
	for _, p := range h.chosen(programs, nil) {
		again = append(again, p.name)
	}
	if want := []string{"wrong", "plain", "refused", "new"}; !slices.Equal(again, want) {
		t.Errorf("%q are tried again, want %q", again, want)
	}
	read, missing := h.rows(programs)
	text := page(sum(read), table(programs, read))
	for _, want := range []string{"5 programs: 1 thaw, 1 fall back in part, 1 are refused, 1 wrong, 1 left out", "Of 6 runs 4 were thaws", "1 are slower",
		"| falls back, slower than the plain command |", "| refused: x; … |", "| left out: z |"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if missing != 1 || h.judge(programs, read, missing, false) == nil {
		t.Errorf("%d are missing", missing)
	}
	if err := os.WriteFile(path, []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := keptIn(path); err == nil {
		t.Error("a damaged file is read")
	}
}

// TestDifference has runs that differ in one thing each.
func TestDifference(t *testing.T) {
	same := outcome{stdout: "a\nb", stderr: "c", status: "exit status 0", files: "f", requests: "GET /"}
	if d := difference(&same, &same); d != "" {
		t.Errorf("the same: %s", d)
	}
	for _, change := range []func(o *outcome){
		func(o *outcome) { o.stdout = "a\nx" }, func(o *outcome) { o.stdout = "a\nb\n" }, func(o *outcome) { o.stdout = "a" }, func(o *outcome) { o.stderr = "" },
		func(o *outcome) { o.status = "signal: killed" }, func(o *outcome) { o.files = "f\n" }, func(o *outcome) { o.requests = "" },
	} {
		other := same
		change(&other)
		if difference(&same, &other) == "" || difference(&other, &same) == "" {
			t.Errorf("%+v is taken for %+v", other, same)
		}
	}
}
