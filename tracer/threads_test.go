package tracer

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestContinueThreads sees a call that another thread is about to make, and keeps it from being
// made; or lets the threads go, which end as if nobody had watched.
func TestContinueThreads(t *testing.T) {
	const program = `
import os, threading, time
def work():
    time.sleep(0.05)
    os.mkdir(%q)
t = threading.Thread(target=work)
t.start()
os.getppid()
t.join()
os._exit(7)
`
	for _, kills := range []bool{true, false} {
		made := filepath.Join(t.TempDir(), "made")
		p := spawn(t, fmt.Sprintf(program, made))
		var by int
		ev, err := untilCall(t, func(d time.Time) (Stop, error) {
			return p.ContinueThreads(d, func(tid int, c *Call) bool {
				by = tid
				return !c.Done && (kills && c.Nr == unix.SYS_MKDIR || !kills && c.Nr == unix.SYS_GETPPID)
			})
		})
		if err != nil || ev.Call == nil || (by == p.PID()) == kills {
			t.Fatalf("%+v by %d, %v", ev, by, err)
		}
		end := p.LetThreadsGo
		if kills {
			end = p.KillThreads
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
		ws, err := p.Wait()
		if err != nil || ws.Exited() == kills || !kills && ws.ExitStatus() != 7 {
			t.Errorf("it ended with %#x, %v", ws, err)
		}
		if _, err := os.Stat(made); (err == nil) == kills {
			t.Errorf("what the thread makes: %v", err)
		}
	}
}
