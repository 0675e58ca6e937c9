package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// inspections are all commands, as a test of bad targets runs them.
var inspections = [][]string{{"summary"}, {"modules"}, {"types"}, {"show", "sys.modules"}, {"show", "node", "--referrers", "--path", "--depth", "4"},
	{"threads"}, {"locks"}, {"heap", "--retained", "--suspects", "--duplicates", "--fill"},
	{"struct", "_PyRuntime"}, {"struct", "node"}}

func inspect(t *testing.T, target string, args []string) outcome {
	t.Helper()
	return pyfreeze(t, append([]string{"inspect", args[0], target}, args[1:]...)...)
}

// TestInspectBusy looks at interpreters that come to no safe point, or are many: every command answers, and the
// target does not notice.
func TestInspectBusy(t *testing.T) {
	for mode, want := range map[string]struct{ note, frame string }{
		"in_c":           {"busy in C code", "in in_c"},
		"collecting":     {"garbage collection", "in Slow.__del__"},
		"ending":         {"shutting down", "in Slow.__del__"},
		"looping":        {"", "in looping"},
		"deep":           {"", "in deep"},
		"subinterpreter": {"", "in a sub-interpreter"},
		"native_thread":  {"", "native: no Python code has run in it"},
	} {
		t.Run(mode, func(t *testing.T) {
			dir := tempDir(t)
			tg, err := startProgram(program("stuck.py"), mode, targetOptions{dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tg.cmd.Process.Kill(); _ = tg.cmd.Wait() }() // reports the kill
			pid := strconv.Itoa(tg.pid())
			maps := func() string {
				b, err := os.ReadFile("/proc/" + pid + "/maps")
				if err != nil {
					t.Fatal(err)
				}
				return string(b)
			}
			before := maps()
			for last := ""; last != before; before = maps() { // until its threads have started
				last = before
				time.Sleep(300 * time.Millisecond)
			}
			for _, args := range [][]string{{"summary"}, {"types"}, {"threads"}, {"locks"}, {"heap"}} {
				o := pyfreeze(t, "inspect", args[0], pid, "--timeout", "300ms").must(t, "exit 0")
				if want.note == "" != (o.Stderr == "") || !strings.Contains(o.Stderr, want.note) {
					t.Errorf("inspect %s notes %q, want %q", args[0], o.Stderr, want.note)
				}
				if args[0] == "threads" && !strings.Contains(o.Stdout, want.frame) {
					t.Errorf("no %q in\n%s", want.frame, o.Stdout)
				}
			}
			if after := maps(); after != before {
				t.Errorf("the target's memory map was\n%s\nis\n%s", before, after)
			}
			status, err := os.ReadFile("/proc/" + pid + "/status")
			if err != nil || !strings.Contains(string(status), "TracerPid:\t0\n") {
				t.Errorf("the target is not left alone: %v\n%s", err, status)
			}
			if core := tg.abort(t, dir); core != "" {
				o := pyfreeze(t, "inspect", "threads", core).must(t, "exit 0")
				if want.note != "" && o.Stderr == "" || !strings.Contains(o.Stdout, want.frame) {
					t.Errorf("threads of the core file: no %q, or no note, in %v", want.frame, o)
				}
			}
		})
	}
}

// TestInspectWithoutTwin looks at a process that may not have another thread or child, so that no copy of it can be
// made: its memory is read while it is stopped.
func TestInspectWithoutTwin(t *testing.T) {
	needRoot(t)
	tg, err := startProgram(program("stuck.py"), "looping", targetOptions{uid: nobody})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tg.cmd.Process.Kill(); _ = tg.cmd.Wait() }() // reports the kill
	run(t, command{argv: []string{"prlimit", "--pid", strconv.Itoa(tg.pid()), "--nproc=0"}, uid: nobody}).must(t, "exit 0")
	o := pyfreeze(t, "inspect", "threads", strconv.Itoa(tg.pid()), "--timeout", "50ms").must(t, "exit 0")
	o.oneLine(t, "in the middle of a change", "resource temporarily unavailable")
	if !strings.Contains(o.Stdout, "in looping") {
		t.Errorf("threads:\n%s", o.Stdout)
	}
}

// TestInspectRefusals names what cannot be inspected, in one line.
func TestInspectRefusals(t *testing.T) {
	dir := tempDir(t)
	x := startInspected(t, python)
	core := x.gcore(t)
	data, err := os.ReadFile(core)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	arch := bytes.Clone(data[:4096])
	arch[18], arch[19] = 183, 0
	for name, c := range map[string]struct{ target, status, want string }{
		"gone":        {"4194303", "exit 3", "no such process"},
		"negative":    {"-5", "exit 2", "-5"},
		"zero":        {"0", "exit 2", "not a process id"},
		"no file":     {filepath.Join(dir, "nothing"), "exit 1", "no such file"},
		"directory":   {dir, "exit 1", "not a regular file"},
		"not a core":  {python, "exit 10", "not a core file"},
		"not ELF":     {program("stuck.py"), "exit 10", "not an ELF file"},
		"empty":       {write("empty", nil), "exit 10", "too short"},
		"other arch":  {write("arch", arch), "exit 10", "AARCH64"},
		"not Python":  {strconv.Itoa(notPython(t, "/bin/sleep", "1000")), "exit 4", "not a supported Python"},
		"cut short":   {write("short", data[:len(data)/8]), "exit 10", "cut short"},
		"cut in head": {write("head", data[:100]), "exit 10", ""},
	} {
		t.Run(name, func(t *testing.T) {
			pyfreeze(t, "inspect", "summary", "--", c.target).must(t, c.status).oneLine(t, c.want)
		})
	}
	t.Run("numeric name", func(t *testing.T) {
		run(t, command{argv: []string{"cp", core, filepath.Join(dir, "123")}}).must(t, "exit 0")
		run(t, command{argv: []string{binary, "inspect", "modules", "./123"}, dir: dir}).must(t, "exit 0")
	})
	t.Run("kernel thread", func(t *testing.T) {
		if comm, err := os.ReadFile("/proc/2/comm"); err != nil || string(comm) != "kthreadd\n" {
			t.Skip("no kernel threads to be seen here")
		}
		pyfreeze(t, "inspect", "types", "2").must(t, "exit 4").oneLine(t, "kernel thread")
	})
	t.Run("other user", func(t *testing.T) {
		needRoot(t)
		before := takeSnapshot(t, x.pid())
		home := nobodysDir(t)
		run(t, command{argv: []string{binary, "inspect", "threads", strconv.Itoa(x.pid())}, uid: nobody,
			env: []string{"HOME=" + home, "XDG_CACHE_HOME=" + home}}).must(t, "exit 5").oneLine(t, "user")
		waitSame(t, x.pid(), before)
	})
	t.Run("command line", func(t *testing.T) {
		for _, args := range [][]string{{"summary"}, {"types", "1", "2"}, {"show", "1"}, {"struct", "1"}, {"threads"}, {"modules"}, {"nothing", "1"}} {
			pyfreeze(t, append([]string{"inspect"}, args...)...).must(t, "exit 2").oneLine(t, "")
		}
	})
}

// TestInspectReplaced looks at a core file whose interpreter has been replaced since.
func TestInspectReplaced(t *testing.T) {
	dir := filepath.Join(tempDir(t), "odd \x1b[31m\u202e name") // as a target may choose
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(dir, "python3.11")
	copyFile(t, copied, python, 0o755)
	x := startInspected(t, copied)
	core := x.gcore(t)
	if err := os.Remove(copied); err != nil {
		t.Fatal(err)
	}
	refused := func(want string) {
		t.Helper()
		o := pyfreeze(t, "inspect", "threads", core).must(t, "exit 4")
		o.oneLine(t, `odd \x1b[31m\u202e name/python3.11`, want)
		if strings.Contains(o.Stderr, "\x1b") {
			t.Errorf("control characters in %q", o.Stderr)
		}
	}
	refused("no such file")
	copyFile(t, copied, "/bin/sleep", 0o755)
	refused("build-id")
}

// TestInspectDamagedCore changes bytes of a core file at random: each command ends soon, by itself.
func TestInspectDamagedCore(t *testing.T) {
	x := startInspected(t, python)
	data, err := os.ReadFile(x.gcore(t))
	if err != nil {
		t.Fatal(err)
	}
	used := usedPages(data)
	path := filepath.Join(tempDir(t), "core")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	random := rand.New(rand.NewPCG(3, 7))
	const rounds, changes = 40, 1000
	answered := 0
	for round := range rounds {
		var changed []int
		for range changes {
			page := used[random.IntN(len(used))]
			at := page + 8*random.IntN(512)
			// A word of elsewhere is likelier to be taken for something than any random one.
			from := used[random.IntN(len(used))] + 8*random.IntN(512)
			if _, err := f.WriteAt(data[from:from+8], int64(at)); err != nil {
				t.Fatal(err)
			}
			changed = append(changed, at)
		}
		o := inspect(t, path, inspections[round%len(inspections)])
		if strings.Contains(o.Stderr, "goroutine") || strings.Contains(o.Stderr, "panic") || strings.HasPrefix(o.Status, "signal") {
			t.Fatalf("round %d, %q: %v", round, inspections[round%len(inspections)], o.Status+"\n"+cut(o.Stderr, 3000))
		}
		if strings.ContainsAny(o.Stdout, "\x1b\x07") {
			t.Errorf("round %d: control characters in the output", round)
		}
		if o.Status == "exit 0" {
			answered++
		}
		for _, at := range changed {
			if _, err := f.WriteAt(data[at:at+8], int64(at)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if answered < rounds/2 {
		t.Errorf("only %d of %d damaged cores gave an answer: the damage is not what this test is about", answered, rounds)
	}
	t.Logf("%d of %d answered", answered, rounds)
}

// usedPages gives the offsets of the pages of a file that hold anything, but for the head and the notes at the end.
func usedPages(data []byte) (out []int) {
	zero := make([]byte, 4096)
	for at := 4096; at+4096 < len(data)-1<<16; at += 4096 {
		if !bytes.Equal(data[at:at+4096], zero) {
			out = append(out, at)
		}
	}
	return out
}
