package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// TestOffenders freezes programs that hold what cannot be cloned: each is refused with its path and the remedy, all at once,
// the program is unharmed, and where --allow is offered, it is kept to.
func TestOffenders(t *testing.T) {
	const held = "sys.modules['json'].held[0]"
	for mode, want := range map[string]struct{ says, allow, path string }{
		"socket":             {"<socket.socket fd=", "socket", held},
		"pipe":               {"pipe:", "pipe", held},
		"epoll":              {"select.epoll", "epoll", held},
		"pty":                {"/dev/p", "pty", held},
		"memfd":              {"/memfd:x", "memfd", held},
		"file":               {"would write to at the same place", "file", held},
		"unwritten":          {"data that was not written yet (flush it", "file", held},
		"locked":             {"a file that is locked", "file", held},
		"removed":            {"no longer under its path", "file", held},
		"child":              {"was not waited for", "child", held},
		"mpchild":            {"was not waited for", "child,pipe", held},
		"tempdir":            {"which every thaw would delete", "", held},
		"tempfile":           {"which every thaw would delete", "", held},
		"finalizer":          {"which every thaw would call", "finalizer", held},
		"sqlite":             {"a connection to", "sqlite", held},
		"wakeup-fd":          {"signal.set_wakeup_fd", "wakeup-fd,socket", ""},
		"watchdog":           {"faulthandler.dump_traceback_later is waiting", "", ""},
		"thread":             {"running thread", "thread,lock", ""},
		"lock":               {"a lock that is held", "lock", held},
		"rlock":              {"an RLock held by the main thread", "lock", held},
		"condition":          {"an RLock held by the main thread", "lock", held + "._lock"},
		"left":               {"an RLock held by a thread that has ended", "lock", held},
		"semaphore":          {"a semaphore at 0", "lock", held},
		"bounded":            {"a semaphore at 1 of 2", "lock", held},
		"asyncio":            {"a running event loop", "asyncio,socket,epoll", held},
		"tls":                {"<ssl.SSLSocket fd=", "socket", held},
		"mapped":             {"db.map", "", held},
		"shm":                {"/dev/shm/psm_", "", held},
		"semlock":            {"/dev/shm/", "", held},
		"socket,child,epoll": {"for 3 reasons", "socket,child,epoll", held},
	} {
		t.Run(mode, func(t *testing.T) {
			dir := tempDir(t)
			db := "OFFENDER_DB=" + filepath.Join(dir, "db") // captured by what is held: the thaw has it, too
			tg, err := startProgram(program("offenders.py"), mode, targetOptions{env: []string{db}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := tg.finish(); err != nil {
					t.Error(err)
				}
			})
			image := filepath.Join(dir, "i")
			o := attach(t, tg.pid(), image).must(t, "exit 6")
			for _, w := range []string{want.says, want.path, "before"} {
				if !strings.Contains(o.Stderr, w) {
					t.Errorf("standard error does not say %q: %q", w, o.Stderr)
				}
			}
			mustNotExist(t, image)
			if want.allow == "" {
				return // may not be allowed
			}
			attach(t, tg.pid(), image, "--allow", want.allow).must(t, "exit 0")
			log := newRunLog(t)
			got := run(t, command{argv: []string{binary, "run", image}, env: []string{log.env(), db}}).must(t, "exit 0")
			if !strings.HasPrefix(got.Stdout, "thawed ") {
				t.Errorf("the thaw said %q", got.Stdout)
			}
			log.thawed(t, 1)
		})
	}
	attach(t, 1, "/nonexistent/i", "--allow", "everything").must(t, "exit 2")
}

// TestNoOffenders freezes a program that used pools, threads, loops, temporary files and locks, and has let go of them.
func TestNoOffenders(t *testing.T) {
	dir := tempDir(t)
	tg, err := startProgram(program("offenders.py"), "nothing", targetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(dir, "i")
	attach(t, tg.pid(), image).must(t, "exit 0")
	if err := tg.finish(); err != nil {
		t.Error(err)
	}
	log := newRunLog(t)
	got := run(t, command{argv: []string{binary, "run", image}, env: []string{log.env()}}).must(t, "exit 0")
	if got.Stdout != "thawed 1\n" {
		t.Errorf("the thaw said %q", got.Stdout)
	}
	log.thawed(t, 1)
}

// TestOffendersJSON has them as JSON for a program to read.
func TestOffendersJSON(t *testing.T) {
	tg, err := startProgram(program("offenders.py"), "lock,epoll", targetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	o := attach(t, tg.pid(), filepath.Join(tempDir(t), "i"), "--json").must(t, "exit 6")
	if err := tg.finish(); err != nil {
		t.Error(err)
	}
	var answer struct {
		Refused []struct{ Kind, Path, What, Remedy string }
	}
	if err := json.Unmarshal([]byte(o.Stdout), &answer); err != nil {
		t.Fatalf("%v in %q", err, o.Stdout)
	}
	if r := answer.Refused; len(r) != 2 || r[0].Kind != "epoll" || r[1].Kind != "lock" || r[1].Path != "sys.modules['json'].held[0]" || r[1].Remedy == "" {
		t.Errorf("%+v", r)
	}
}

// TestSubinterpreter: a process with a second interpreter is refused by name.
func TestSubinterpreter(t *testing.T) {
	tg, err := startProgram(program("offenders.py"), "subinterpreter", targetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(tempDir(t), "i")
	attach(t, tg.pid(), image).must(t, "exit 6").oneLine(t, "2 interpreters")
	mustNotExist(t, image)
	if err := tg.finish(); err != nil {
		t.Error(err)
	}
}
