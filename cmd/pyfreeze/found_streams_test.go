package main

import (
	"strings"
	"testing"
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
