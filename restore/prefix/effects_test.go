package prefix

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pyfreeze/procmem"
	"pyfreeze/tracer"
	"pyfreeze/tracer/inherit"
)

const python = "/usr/bin/python3.11"

func TestMain(m *testing.M) {
	if err := inherit.Usual(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// watch runs a program of Python until it does what somebody else could tell, and returns what, and
// what it has read before.
func watch(t *testing.T, dir, program string) (effect string, r *Reads) {
	t.Helper()
	p, err := tracer.Spawn(tracer.Program{Path: python, Argv: []string{python, "-I", "-S", "-B", "-c", program},
		Env: []string{"LANG=C.UTF-8"}, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Kill(); err != nil {
			t.Error(err)
		}
		_, _ = p.Wait()
	}()
	live, err := procmem.OpenLive(p.PID())
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	proc, r := &Process{PID: p.PID(), Mem: live, Threads: func() bool { return true }}, NewReads()
	for fd := range 3 {
		link, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", p.PID(), fd))
		if err != nil {
			t.Fatal(err)
		}
		proc.Streams = append(proc.Streams, link)
	}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		_, err := p.ContinueToStop(time.Now().Add(50*time.Millisecond), func(c *tracer.Call) bool {
			if c.Done {
				r.Note(proc, c, false)
				return false
			}
			effect = proc.Effect(c)
			return effect != ""
		})
		if err == nil {
			return effect, r
		}
		if !errors.Is(err, tracer.ErrStepTimeout) {
			t.Fatalf("%s: %v", program, err)
		}
	}
	t.Fatalf("%s did nothing", program)
	return "", nil
}

// TestEffects has programs that do what others can tell, and that they end where nobody can.
func TestEffects(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"d", "d/__pycache__"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	const ends = "ends"
	for program, want := range map[string]string{
		"pass":                                 ends,
		"print('x', flush=True)":               "writes to its standard output",
		"import os; os.write(2, b'x')":         "writes to its standard error",
		"import os; os.write(1, b'')":          ends,
		"import os; os.write(os.dup(1), b'x')": "writes to descriptor 3",
		"import os; r, w = os.pipe(); os.write(w, b'x'); os.read(r, 1)": ends,
		"open('/dev/null', 'w').write('x')":                             ends,
		"open('f').read()":                                              ends,
		"open('f', 'a')":                                                "opens " + dir + "/f to write",
		"open('d/__pycache__/x.pyc', 'w').write('x')":                   ends,
		"import sys; sys.stdin.read()":                                  "reads its standard input",
		"import os; os.mkdir('new')":                                    "makes " + dir + "/new",
		"import os\ntry: os.mkdir('d')\nexcept OSError: pass":           ends,
		"import os; os.remove('f')":                                     "removes " + dir + "/f",
		"import os\ntry: os.remove('none')\nexcept OSError: pass":       ends,
		"import os; os.rename('f', 'g')":                                "renames " + dir + "/f",
		"import os; os.chmod('f', 0)":                                   "changes the mode of " + dir + "/f",
		"import os; os.utime('f')":                                      "sets the time of " + dir + "/f",
		"import os; os.umask(0); os.chdir('d')":                         ends,
		"import os; os.fork()":                                          "starts a process",
		"import subprocess; subprocess.run(['true'])":                   "starts a process",
		"import os; os.execv('/bin/true', ['true'])":                    "executes another program",
		"import os; os.kill(os.getppid(), 0)":                           "sends a signal",
		"import os; os.setsid()":                                        "starts a session",
		"import _thread; _thread.start_new_thread(print, ())":           "starts a thread",
		"import fcntl; fcntl.flock(open('f'), 2)":                       "locks a file",
		"import signal; signal.alarm(0)":                                ends,
		"import signal; signal.alarm(9)":                                "sets a timer",
		"import time; time.sleep(0.01)":                                 ends,
		"import os; os.isatty(1); os.getpid()":                          ends,
		"import socket; socket.socket().bind(('127.0.0.1', 0))":         ends,
		"import socket; socket.socket().bind(('0.0.0.0', 0))":           "binds a socket",
		"import socket; socket.socket().connect(('127.0.0.1', 9))":      "connects",
		"import socket\ntry: socket.socket(socket.AF_UNIX).connect('/nonexistent')\nexcept OSError: pass": ends,
		"import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))":                               ends,
	} {
		if got, _ := watch(t, dir, program); got != want {
			t.Errorf("%s: %q, want %q", program, got, want)
		}
	}
	for _, gone := range []string{"new", "g"} {
		if _, err := os.Stat(filepath.Join(dir, gone)); err == nil {
			t.Errorf("%s was made, though the program was killed before", gone)
		}
	}
}

// TestReads has a program that reads in all ways.
func TestReads(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("f", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	_, r := watch(t, "/", `
import os
os.chdir(`+fmt.Sprintf("%q", dir)+`)
open("f").read(); os.path.exists("none"); os.listdir("."); os.readlink("link")
os.uname(); os.getcwd(); os.umask(os.umask(0)); os.isatty(2); os.sched_getaffinity(0)
import random
random.Random()
`)
	for path, want := range map[string]How{"f": Opened | Looked, "none": Looked, ".": Listed | Opened | Looked} {
		path = filepath.Join(dir, path)
		if got := r.Files[path]; got == 0 || got&^want != 0 {
			t.Errorf("%s was read as %b, want within %b", path, got, want)
		}
	}
	if !r.Links[filepath.Join(dir, "link")] {
		t.Errorf("the link is not among %v", r.Links)
	}
	for _, what := range []string{AskedHost, AskedUmask, AskedCPUs} {
		if !r.Asked[what] {
			t.Errorf("the %s is not among %v", what, r.Asked)
		}
	}
	if !r.TTY[2] || r.Size != [3]bool{} {
		t.Errorf("terminals: %v, sizes: %v", r.TTY, r.Size)
	}
	if len(r.Random) < 2 || len(r.Random[0]) != 624*4 {
		t.Errorf("%d seeds", len(r.Random))
	}
}

// TestElsewhere tells what is guarded by other means from what is not.
func TestElsewhere(t *testing.T) {
	for path, want := range map[string]bool{
		"/usr/lib/libx.so.1": true, "/x/__pycache__/a.cpython-311.pyc": true, "/etc/ld.so.cache": true,
		"/proc/self/maps": true, "/proc/loadavg": true, "/proc/cpuinfo": true, "/dev/tty": true,
		"/proc/filesystems": false, "/sys/devices/system/cpu/online": false, "/etc/passwd": false,
		"/x/a.py": false, "/x/a.so/b": false,
	} {
		if got := elsewhere(path); got != want {
			t.Errorf("%s: %t", path, got)
		}
	}
	for path, want := range map[string]bool{"/proc/loadavg": true, "/proc/1/stat": true, "/proc/self/stat": true, "/proc/self/maps": false,
		"/sys/fs/cgroup/memory/memory.stat": true, "/sys/fs/cgroup/memory.max": false, "/proc/": false, "/proc": false, "/sys/class/net/eth0": true, "/proc/net/dev": true, "/proc/sys/x": false} {
		if got := Volatile(path, "/x/prog.py") != ""; got != want {
			t.Errorf("%s changes at any moment: %t", path, got)
		}
	}
	if Volatile("/proc/stat", "/lib/psutil/__init__.py") != "" {
		t.Error("psutil's reading of /proc/stat is a point")
	}
	for n := range quiet {
		if _, both := rules[n]; both {
			t.Errorf("call %d is quiet, and has a rule", n)
		}
	}
	if p := (&Process{}); !strings.Contains(p.Effect(&tracer.Call{Nr: 9999}), "9999") {
		t.Error("a call that nobody knows is taken for one that nobody can tell")
	}
}
