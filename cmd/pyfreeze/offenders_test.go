package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestOffenders freezes programs that hold what cannot be cloned: each is refused with its path and the remedy, all at once,
// the program is unharmed, and where --allow is offered, it is kept to.
func TestOffenders(t *testing.T) {
	for mode, want := range map[string]string{
		"socket": "_socket.socket", "pipe": "pipe:", "epoll": "select.epoll", "pty": "/dev/p", "memfd": "/memfd:x", "file": "offenders.py",
		"child": "was not waited for", "tempdir": "which every thaw would delete", "sqlite": "a connection to", "wakeup-fd": "signal.set_wakeup_fd",
		"thread": "running thread", "socket,child,epoll": "for 3 reasons",
	} {
		t.Run(mode, func(t *testing.T) {
			dir := tempDir(t)
			tg, err := startProgram(program("offenders.py"), mode, targetOptions{env: []string{"OFFENDER_DB=" + filepath.Join(dir, "db")}})
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
			for _, w := range []string{want, "before the freeze"} {
				if !strings.Contains(o.Stderr, w) {
					t.Errorf("standard error does not say %q: %q", w, o.Stderr)
				}
			}
			if mode != "thread" && mode != "wakeup-fd" && !strings.Contains(o.Stderr, "sys.modules['json'].held[0]") {
				t.Errorf("no path to the offender: %q", o.Stderr)
			}
			mustNotExist(t, image)
			if mode == "tempdir" {
				return // may not be allowed
			}
			allow := mode
			if mode == "wakeup-fd" {
				allow += ",socket"
			}
			attach(t, tg.pid(), image, "--allow", allow).must(t, "exit 0")
			log := newRunLog(t)
			got := run(t, command{argv: []string{binary, "run", image}, env: []string{log.env()}}).must(t, "exit 0")
			if !strings.HasPrefix(got.Stdout, "thawed ") {
				t.Errorf("the thaw said %q", got.Stdout)
			}
			log.thawed(t, 1)
		})
	}
	attach(t, 1, "/nonexistent/i", "--allow", "everything").must(t, "exit 2")
}
