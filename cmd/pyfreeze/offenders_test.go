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
	for mode, want := range map[string]struct {
		says, allow, path string
		resumed           bool // only a program that runs again is kept from it
	}{
		"socket":             {"<socket.socket fd=", "socket", held, false},
		"pty":                {"/dev/p", "pty", held, false},
		"memfd":              {"/memfd:x", "memfd", held, false},
		"file":               {"would write to at the same place", "file", held, false},
		"unwritten":          {"data that was not written yet (flush it", "file", held, false},
		"locked":             {"a file that is locked", "file", held, false},
		"removed":            {"no longer under its path", "file", held, false},
		"child":              {"was not waited for", "child", held, false},
		"mpchild":            {"was not waited for", "child,pipe", held, false},
		"tempdir":            {"which every thaw would delete", "", held, false},
		"tempfile":           {"which every thaw would delete", "", held, false},
		"finalizer":          {"which every thaw would call", "finalizer", held, false},
		"sqlite":             {"a connection to", "sqlite,file", held, false},
		"wakeup-fd":          {"signal.set_wakeup_fd", "wakeup-fd,socket", "", true},
		"watchdog":           {"faulthandler.dump_traceback_later is waiting", "", "", true},
		"thread":             {"running thread", "thread,lock", "", true},
		"lock":               {"a lock that is held", "lock", held, true},
		"rlock":              {"an RLock held by the main thread", "lock", held, true},
		"condition":          {"an RLock held by the main thread", "lock", held + "._lock", true},
		"left":               {"an RLock held by a thread that has ended", "lock", held, true},
		"semaphore":          {"a semaphore at 0", "lock", held, true},
		"bounded":            {"a semaphore at 1 of 2", "lock", held, true},
		"asyncio":            {"a running event loop", "asyncio,socket,epoll", held, false},
		"mapped":             {"db.map", "", held, false},
		"shm":                {"/dev/shm/psm_", "", held, false},
		"semlock":            {"/dev/shm/", "", held, false},
		"socket,child,epoll": {"for 2 reasons", "socket,child,epoll", held, false},
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
			o := attach(t, tg.pid(), image)
			said := o.Stderr
			if want.resumed {
				o.must(t, "exit 0")
				said = o.Stdout
			} else {
				o.must(t, "exit 6")
				mustNotExist(t, image)
			}
			for _, w := range []string{want.says, want.path, "before"} {
				if !strings.Contains(said, w) {
					t.Errorf("it does not say %q: %q", w, said)
				}
			}
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

// TestMadeAgain freezes programs that hold descriptors of which both ends are theirs: a thaw makes them again.
func TestMadeAgain(t *testing.T) {
	for _, mode := range []string{"pipe", "epoll", "tls"} {
		t.Run(mode, func(t *testing.T) {
			tg, err := startProgram(program("offenders.py"), mode, targetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			image := filepath.Join(tempDir(t), "i")
			o := attach(t, tg.pid(), image).must(t, "exit 0")
			if err := tg.finish(); err != nil {
				t.Error(err)
			}
			if !strings.Contains(o.Stdout, " is opened again for sys.modules['json'].held[0]") {
				t.Errorf("attach said %q", o.Stdout)
			}
			log := newRunLog(t)
			if got := run(t, command{argv: []string{binary, "run", image}, env: []string{log.env()}}); got.Stdout != "thawed 1\n" {
				t.Errorf("%v", got)
			}
			log.thawed(t, 1)
		})
	}
}

// TestNoOffenders freezes a program that used pools, threads, loops, temporary files and locks, and has let go of them.
func TestNoOffenders(t *testing.T) {
	dir := tempDir(t)
	tg, err := startProgram(program("offenders.py"), "nothing", targetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(dir, "i")
	attach(t, tg.pid(), image, "--allow", "thread").must(t, "exit 0")
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
	tg, err := startProgram(program("offenders.py"), "socket,child", targetOptions{})
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
	if r := answer.Refused; len(r) != 2 || r[0].Kind != "socket" || r[1].Kind != "child" || r[0].Path != "sys.modules['json'].held[0]" || r[1].Remedy == "" {
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
	attach(t, tg.pid(), image).must(t, "exit 6").oneLine(t, "more than one interpreter")
	mustNotExist(t, image)
	if err := tg.finish(); err != nil {
		t.Error(err)
	}
}
