package tracer

import (
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// A process may end between the question for a report and the look at its state. Its end has to be taken all the same: what
// the tracer does not reap nobody can, and a target would wait for ever for the process that was to make its twin.
func TestEndIsTakenWheneverItComes(t *testing.T) {
	for range 40 {
		tg := startCmd(t, exec.Command("/bin/sh", "-c", "echo ready; exec sleep 100"))
		p, err := Attach(tg.pid())
		if err != nil {
			t.Fatal(err)
		}
		var s stop
		err = p.call(func() error {
			if err := unix.Kill(p.pid, unix.SIGKILL); err != nil {
				return err
			}
			for {
				var ok bool
				var err error
				if s, ok, err = p.poll(p.threads[p.pid], true); ok || err != nil {
					return err
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if s.kind != stopExit || !s.exit.Known || s.exit.Signal != int(unix.SIGKILL) {
			t.Fatalf("its end was not taken: %+v", s)
		}
	}
}
