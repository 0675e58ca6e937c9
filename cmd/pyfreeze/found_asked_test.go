package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestFoundAsked has programs that ask, before their point, for what the kernel keeps of a process
// for all that it starts: where it is the same they thaw, elsewhere the plain command runs.
func TestFoundAsked(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("groups and priorities are set by root alone")
	}
	h := newHome(t)
	h.write("around.py", "import os, resource, sys\nexec(sys.argv[1])\nos.execvp(sys.argv[2], sys.argv[2:])\n")
	for _, c := range []struct{ asks, change, why string }{
		{"resource.getrlimit(resource.RLIMIT_NOFILE)", "resource.setrlimit(resource.RLIMIT_NOFILE, (99, 999))", "a limit"},
		{"(resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1])), resource.getrlimit(resource.RLIMIT_CORE))",
			"resource.setrlimit(resource.RLIMIT_CORE, (0, 4096))", "a limit"},
		{"resource.prlimit(0, resource.RLIMIT_DATA)", "resource.setrlimit(resource.RLIMIT_DATA, (1 << 40, 1 << 41))", "a limit"},
		{"os.getpriority(os.PRIO_PROCESS, 0)", "os.nice(3)", "its priority"},
		{"os.nice(2)", "os.nice(3)", "its priority"},
		{"os.getgroups()", "os.setgroups([7, 8])", "its groups"},
		{"os.sched_getscheduler(0)", "os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))", "how it is scheduled"},
		{"sorted(os.sched_getaffinity(0))", "os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])", "its processors"},
		{"open('/proc/self/oom_score_adj').read()", "open('/proc/self/oom_score_adj', 'w').write('7')", "oom_score_adj"},
	} {
		h.write("prog.py", "import os, resource, sys\nGOT = "+c.asks+"\nprint(GOT, sys.argv[1:], "+again(c.asks)+")\n")
		o := h.run(binary, "freeze", "-o", "i", "--", python, "prog.py").must(t, "exit 0")
		if !strings.Contains(o.Stdout, "prog.py:3 in <module>, before the program reads its arguments") {
			t.Errorf("%s: frozen elsewhere: %v", c.asks, o)
		}
		log := newRunLog(t)
		h.same(t, log, nil, "prog.py")
		log.thawed(t, 1)
		log = newRunLog(t)
		h.same(t, log, []string{python, "around.py", c.change}, "prog.py")
		log.fellBack(t, c.why)
	}
}

// again asks once more where that changes nothing.
func again(asks string) string {
	if strings.HasPrefix(asks, "os.nice") {
		return "os.nice(0)"
	}
	return asks
}

// same runs a program plain and thawed behind the same words.
func (h *home) same(t *testing.T, log runLog, around []string, prog string) {
	t.Helper()
	plain := h.run(append(append([]string{}, around...), python, prog, "x")...).must(t, "exit 0")
	got := h.run(append(append([]string{log.env()}, around...), binary, "run", "i", "x")...)
	if got.Stdout != plain.Stdout || got.Stderr != plain.Stderr || got.Status != plain.Status {
		t.Errorf("%s: %v, plain %v", around, got, plain)
	}
}

// TestFoundPlace has programs that ask for their place among processes, or for their terminal's: no
// two runs have the same, so the point comes before.
func TestFoundPlace(t *testing.T) {
	h := newHome(t)
	for asks, why := range map[string]string{
		"os.getpgrp()": "asks for its process group", "os.getpgid(0)": "asks for its process group",
		"os.getsid(0)": "asks for its session", "os.readlink('/proc/self')": "asks for its process id",
		"os.readlink('/proc/self/fd/1')":    "asks what its standard streams are",
		"os.getpriority(os.PRIO_USER, 0)":   "the priority of other processes",
		"os.sched_getscheduler(1)":          "how another process is scheduled",
		"resource.prlimit(os.getppid(), 7)": "asks for its process id",
	} {
		h.write("prog.py", fmt.Sprintf("import os, resource, sys\nx = 1\nGOT = %s\nprint(sys.argv[1:])\n", asks))
		o := h.run(binary, "freeze", "-o", "i", "--", python, "prog.py").must(t, "exit 0")
		if !strings.Contains(o.Stdout, "prog.py:3 in <module>, before the program ") || !strings.Contains(o.Stdout, why) {
			t.Errorf("%s: frozen elsewhere than before it %s: %v", asks, why, o)
		}
	}
	// On a terminal: what it is called, its foreground group, its modes; not whether there is one.
	for asks, why := range map[string]string{
		"os.ttyname(0)": "asks what its standard streams are", "termios.tcgetattr(0)": "asks for the modes of its terminal",
		"os.tcgetpgrp(0)": "the process group of its terminal", "os.isatty(0)": "reads its arguments",
	} {
		h.write("prog.py", "import os, sys, termios\nx = 1\nGOT = "+asks+"\nx = 2\nprint(sys.argv[1:])\n")
		o := h.run("script", "-qec", strings.Join([]string{binary, "freeze", "-o", "i", "--", python, "prog.py"}, " "), "/dev/null")
		if !strings.Contains(o.Stdout, why) {
			t.Errorf("%s: frozen elsewhere than before it %s: %v", asks, why, o)
		}
	}
}
