package tracer

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"time"
)

// A tracer that does nothing but make twins, and so is mostly in the middle of it,
// is killed again and again: the target does not notice, and no twin is left.
func TestKilledWhileMakingTwins(t *testing.T) {
	targets := map[string]string{
		"busy": `
import hashlib, os, sys
print("ready", flush=True)
def work():
    x, h, f = 1, b"", 1.0
    for i in range(20000):
        x = (x * 6364136223846793005 + i) % (1 << 64)
        f = (f * 1.0000001 + x / 3e19) % 1e9
        if i % 64 == 0: h = hashlib.sha256(h + str((x, f)).encode()).digest()
    return h
want = work()
os.set_blocking(0, False)
while not sys.stdin.readline():
    if work() != want: print("wrong")
print("well")`,
		"read":  `print("ready"); print(input())`,
		"poll":  `import select; print("ready"); p = select.poll(); p.register(0); print(["well"][p.poll() != [(0, 1)]])`,
		"sleep": `import select; print("ready"); r = select.select([0], [], [], 3600)[0]; print("well" if r else "early")`,
		"timer": `
import signal, select, os
signal.signal(signal.SIGALRM, lambda *a: None)
signal.setitimer(signal.ITIMER_REAL, .0005, .0005)
print("ready"); print(input())`,
	}
	for name, program := range targets {
		t.Run(name, func(t *testing.T) {
			tg := start(t, program)
			time.Sleep(20 * time.Millisecond)
			before := leftovers(t, tg)
			const kills = 100
			for i := range kills {
				h := startHelper(t, "twins", tg.pid())
				time.Sleep(time.Duration(rand.Intn(6000)) * time.Microsecond)
				_ = h.cmd.Process.Kill()
				if err := h.cmd.Wait(); err == nil {
					t.Fatalf("the tracer ended by itself: %q", h.line())
				}
				if s := taskState(tg.pid(), tg.pid()); s == "" || s == "Z" {
					t.Fatalf("the target is dead after kill %d", i)
				}
			}
			eventually(t, "no child, signal mask as before", func() bool { return leftovers(t, tg) == before })
			tg.say("well")
			if got := tg.line(); got != "well" {
				t.Errorf("target said %q, state %s", got, taskState(tg.pid(), tg.pid()))
			}
		})
	}
}

// leftovers is what an unfinished twin would show in.
func leftovers(t *testing.T, tg *target) string {
	t.Helper()
	st, err := readStatus(fmt.Sprint(tg.pid()))
	if err != nil {
		t.Fatal(err)
	}
	mask := ""
	for line := range strings.Lines(tg.snapshot()) {
		if strings.HasPrefix(line, "SigBlk") || strings.HasPrefix(line, "SigIgn") || strings.HasPrefix(line, "SigCgt") {
			mask += line
		}
	}
	return fmt.Sprint(children(t, tg.pid()), st.tracerPid, mask)
}
