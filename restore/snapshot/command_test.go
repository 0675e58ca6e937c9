package snapshot

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pyfreeze/restore/internal/target"
)

// told is a program that tells all that it comes by, its handlers of a fork among it.
const told = `
import atexit, os, sys
os.register_at_fork(before=lambda: print("before"), after_in_parent=lambda: print("parent"),
                    after_in_child=lambda: print("child"))
atexit.register(print, "bye")
def f(n):
    print("f", n)
print("begin", file=sys.stderr)
f(1)
f(2)
print("end")
sys.exit(7)
`

const ends = "f 1\nf 2\nend\nbye\nbegin\n"

// A command that is let go, wherever it stands, goes on to its end with its own output and status.
// A copy is made as a fork would be: its handlers have run in the parent.
func TestReleasedCommandGoesOn(t *testing.T) {
	handlers := "before\nparent\n"
	for _, c := range []struct{ name, point, want string }{
		{"at once", "", ends},
		{"at Python", "python", ends},
		{"at the exit", "exit", ends},
		{"at a function", "__main__:f", ends},
		{"after a copy at the exit", "exit+",
			strings.Replace(ends, "bye\n", handlers+"bye\n", 1)},
		{"after a copy at a function", "__main__:f+", handlers + ends},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := begin(t, target.Debian, "-c", told)
			switch point, copied := strings.CutSuffix(c.point, "+"); {
			case point == "python":
				if err := r.toPython(); err != nil {
					t.Fatal(err)
				}
			case copied:
				r.at(point).fork()
			case point != "":
				r.at(point)
			}
			if status, out := r.goesOn(); status.ExitStatus() != 7 || out != c.want {
				t.Errorf("it ended with %v and %q, want 7 and %q", status, out, c.want)
			}
		})
	}
}

// Every interpreter goes on after a copy at a function and at its exit.
func TestEveryInterpreterGoesOn(t *testing.T) {
	each(t, func(t *testing.T, exe string) {
		for _, point := range []string{"exit", "__main__:f"} {
			r := begin(t, exe, "-c", told).at(point)
			r.fork()
			status, out := r.goesOn()
			own := strings.NewReplacer("before\n", "", "parent\n", "").Replace(out)
			if status.ExitStatus() != 7 || own != ends || len(out)-len(own) != 14 {
				t.Errorf("%s: it ended with %v and %q", point, status, out)
			}
		}
	})
}

// A command that is killed after its copy was made is gone, and the copy is still there.
func TestKilledCommand(t *testing.T) {
	r := begin(t, target.Debian, "-c", told).at("__main__:f")
	c := r.fork()
	if err := r.Kill(); err != nil {
		t.Fatal(err)
	}
	status, err := r.Wait(context.Background())
	if err != nil || status.Signal() != syscall.SIGKILL {
		t.Errorf("it ended with %v, %v; want SIGKILL", status, err)
	}
	if out := r.read("out"); out != "" {
		t.Errorf("it said %q after it was killed", out)
	}
	if _, err := heapOf(t, c).Lookup("__main__.f"); err != nil {
		t.Errorf("the copy cannot be read: %v", err)
	}
}

// A command that does not come to its point says how it ended and what it did not do.
func TestCommandEndsEarly(t *testing.T) {
	python := func(code string) []string { return []string{target.Debian, "-c", code} }
	for name, c := range map[string]struct {
		argv []string
		at   string
		want string
	}{
		"no Python": {[]string{"/bin/false"}, "exit",
			"sh ended with exit status 1 and did not start a Python interpreter in its own process"},
		"Python as a child": {[]string{"/bin/sh", "-c", target.Debian + " -c pass; exit 5"}, "exit",
			"sh ended with exit status 5 and did not start a Python interpreter in its own process"},
		"only a version": {[]string{target.Debian, "--no-such-option"}, "exit",
			"sh ended with exit status 2 and did not run a program"},
		"os._exit": {python("import os; os._exit(4)"), "exit",
			"sh ended with exit status 4 and did not come to the end of its interpreter " +
				"(os._exit, exec or a fault end it before)"},
		"a signal": {python("import os; os.kill(os.getpid(), 9)"), "exit",
			"sh ended, of signal 9 and did not come to the end of its interpreter " +
				"(os._exit, exec or a fault end it before)"},
		"another function": {python("def main(): pass\nmain()"), "__main__:man",
			"sh ended with exit status 0 and never called __main__:man on its main thread; " +
				"close to that it has __main__:main"},
		"another module": {python("import colorsys"), "json:rgb_to_hls",
			"sh ended with exit status 0 and never called json:rgb_to_hls on its main thread; " +
				"close to that it has colorsys:rgb_to_hls"},
		"another thread": {python("import threading\ndef f(): pass\n" +
			"t = threading.Thread(target=f)\nt.start()\nt.join()"), "__main__:f",
			"sh ended with exit status 0 and never called __main__:f on its main thread"},
	} {
		t.Run(name, func(t *testing.T) {
			err := begin(t, c.argv...).to(c.at)
			var ended *CommandEndedError
			if !errors.As(err, &ended) || !ended.Known || ended.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// A command that replaces its interpreter by another program is told of, and goes on as that.
func TestCommandExecutesAnother(t *testing.T) {
	for _, at := range []string{"exit", "__main__:f"} {
		r := begin(t, target.Debian, "-c",
			"import os; os.execv('/bin/sh', ['sh', '-c', 'echo sh; exit 3'])")
		err := r.to(at)
		var ended *CommandEndedError
		if !errors.As(err, &ended) || ended.Missed != "executed another program" || ended.Known {
			t.Errorf("%s: got %v", at, err)
		}
		if status, out := r.goesOn(); status.ExitStatus() != 3 || out != "sh\n" {
			t.Errorf("%s: it ended with %v and %q", at, status, out)
		}
	}
}

// A command whose user has lost patience goes on.
func TestCancelledCommandGoesOn(t *testing.T) {
	r := begin(t, target.Debian, "-c", "print(open('fifo').read())")
	fifo := filepath.Join(r.dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.toPython(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if err := r.ToPoint(ctx, At{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if err := r.Release(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it has ended: %v", err)
	}
	if err := os.WriteFile(fifo, []byte("on"), 0o600); err != nil {
		t.Fatal(err)
	}
	status, err := r.Wait(context.Background())
	if out := r.read("out"); err != nil || status != 0 || out != "on\n" {
		t.Errorf("it ended with %v, %v and %q", status, err, out)
	}
}
