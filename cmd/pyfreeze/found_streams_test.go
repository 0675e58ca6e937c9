package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFoundReplacedStreams has programs that put streams of their own in the place of the standard
// ones before the point. What waits in these was written, too: it must not be that of the freeze.
func TestFoundReplacedStreams(t *testing.T) {
	h := newHome(t)
	for name, replace := range map[string]string{
		"detached":       "sys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding='utf-8', line_buffering=True)",
		"detached input": "sys.stdin = io.TextIOWrapper(sys.stdin.detach(), encoding='latin-1')",
		"writer":         "sys.stdout = codecs.getwriter('utf-8')(sys.stdout.detach())",
		"over buffer":    "sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding='utf-8')",
		"error":          "sys.stderr = io.TextIOWrapper(sys.stderr.detach(), errors='replace')",
		"all":            "sys.stdin, sys.stdout, sys.stderr = [io.TextIOWrapper(s.detach(), encoding='utf-8') for s in (sys.stdin, sys.stdout, sys.stderr)]",
	} {
		h.write("prog.py", "import codecs, io, sys, time\n"+replace+"\nx = 1\nargs = sys.argv[1:]\n"+
			"print('é', args, sys.stdin.read())\nprint('error', file=sys.stderr)\nsys.stdout.flush()\n")
		all := []string{python}
		if name == "detached" || name == "writer" {
			all = inspectedPythons(t)
		}
		for _, py := range all {
			h.run(binary, "freeze", "-o", "i", "--", py, "prog.py").must(t, "exit 0")
			log := newRunLog(t)
			h.write("in", "input")
			plain := h.run("sh", "-c", py+" prog.py x <in").must(t, "exit 0")
			got := h.run(log.env(), "sh", "-c", binary+" run i x <in")
			if got.Stdout != plain.Stdout || got.Stderr != plain.Stderr {
				t.Errorf("%s %s: %v, plain %v", py, name, got, plain)
			}
			log.thawed(t, 1)
		}
		if !strings.Contains(replace, "stdout") {
			continue
		}
		h.write("prog.py", "import codecs, io, sys, time\n"+replace+"\nprint(time.time())\nargs = sys.argv[1:]\n")
		h.run(binary, "freeze", "-o", "i", "--", python, "prog.py").must(t, "exit 0")
		first := h.run(binary, "run", "i", "x").must(t, "exit 0")
		if second := h.run(binary, "run", "i", "x").must(t, "exit 0"); first.Stdout == second.Stdout {
			t.Errorf("%s: each thaw says %v", name, first)
		}
	}
}

// TestFoundInstallStreams installs a program that asks of what kind its streams are, and how large
// its terminal is: there is an image for each kind, and the log names the one that did not fit.
func TestFoundInstallStreams(t *testing.T) {
	h := newHome(t)
	h.write("bin/tool", "#!"+python+"\nimport os, stat, sys\n"+
		"K = [stat.S_IFMT(os.fstat(fd).st_mode) for fd in (0, 1, 2)]\n"+
		"SIZE = tuple(os.get_terminal_size(0)) if os.isatty(0) else None\n"+
		"print(K, SIZE, sys.argv[1:])\n")
	if err := os.Chmod(filepath.Join(h.bin, "tool"), 0o755); err != nil {
		t.Fatal(err)
	}
	h.run(binary, "install", "tool").must(t, "exit 0")
	tool := filepath.Join(h.launchers, "tool")
	for _, run := range [][]string{
		{"sh", "-c", tool + " x >out 2>&1; cat out"},
		{"sh", "-c", tool + " x | cat"},
		{"sh", "-c", "echo | " + tool + " x 2>&1 | cat"},
		{"script", "-qec", "stty rows 33 cols 99; " + tool + " x", "/dev/null"},
	} {
		var plainly []string
		for _, word := range run {
			plainly = append(plainly, strings.ReplaceAll(word, tool, filepath.Join(h.bin, "tool")))
		}
		want := h.run(plainly...).must(t, "exit 0").Stdout
		for end := time.Now().Add(90 * time.Second); ; time.Sleep(200 * time.Millisecond) {
			log := newRunLog(t)
			if o := h.run(append([]string{log.env()}, run...)...).must(t, "exit 0"); o.Stdout != want {
				t.Fatalf("%q: %v, plain %q", run, o, want)
			}
			e := log.entries(t)
			if len(e) != 1 || e[0].Image != "" && !strings.HasSuffix(e[0].Image, ".pyfreeze") {
				t.Fatalf("%q: the log says %+v", run, e)
			}
			if _, err := os.Stat(e[0].Image); e[0].Image != "" && err != nil {
				t.Fatalf("%q: the log names %v", run, err)
			}
			if e[0].Thawed {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%q: no run was thawed: %+v, %+v", run, e, h.status())
			}
		}
	}
}
