package snapshot

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/restore/internal/target"
)

// captureOf copies a process.
func captureOf(t *testing.T, ctx context.Context, pid int, timeout time.Duration) (*Copy, error) {
	t.Helper()
	tg, err := Open(ctx, pid, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tg.Close)
	c, err := tg.Attach(ctx, timeout)
	if err == nil {
		t.Cleanup(func() { _ = c.Space.Close() })
	}
	return c, err
}

// A busy process is captured with the GIL held, no collection under way, all
// requests taken back, and its own number in the list of threads.
func TestSafePointOfBusyThreads(t *testing.T) {
	programs := map[string]string{
		"main thread": "print('ready')\nwhile 1: [[] for _ in range(100)]",
		"other thread": `
import threading, time
def work():
    while 1: [[] for _ in range(100)]
threading.Thread(target=work, daemon=True).start()
print("ready"); time.sleep(3600)`,
		"two threads": `
import threading
def work():
    while 1: [[] for _ in range(100)]
threading.Thread(target=work, daemon=True).start()
print("ready"); work()`,
		"collecting": "import gc\nx = [[] for _ in range(200000)]\nprint('ready')\nwhile 1: gc.collect()",
	}
	for _, exe := range target.Interpreters(t) {
		for name, program := range programs {
			t.Run(exe+" "+name, func(t *testing.T) {
				pid := target.Start(t, exe, program)
				for range 3 {
					c, err := captureOf(t, context.Background(), pid, 20*time.Second)
					if err != nil {
						t.Fatal(err)
					}
					st, err := pyheap.ReadState(c.Space, c.Interp, c.Layout)
					if err != nil || st.GCCollecting || st.Finalizing || st.GILLocked != c.Busy {
						t.Errorf("%+v, busy %v, %v", st, c.Busy, err)
					}
					if c.Threads[0].Tid != pid {
						t.Errorf("the main thread is %d, want %d", c.Threads[0].Tid, pid)
					}
					s, err := newSeeker(c.Interp, c.Layout)
					if err != nil {
						t.Fatal(err)
					}
					flags, err := s.requests(c.Space, st.GILHolder)
					if err != nil {
						t.Fatal(err)
					}
					for _, f := range flags {
						if v, err := c.Space.U32(f.at); c.Busy && (err != nil || v&f.bits != 0) {
							t.Errorf("the flag at %v is %#x (%v)", f.at, v, err)
						}
					}
				}
			})
		}
	}
}

// A twin must not write to memory that its process shares with others.
func TestTwinLeavesSharedMemoryAlone(t *testing.T) {
	pid := target.Start(t, "/usr/bin/python3.11", `
import mmap, sys
m = mmap.mmap(-1, 4096)
v = m_view = memoryview(m).cast("Q")
def check(n):
    for i in range(n):
        old = v[0]; v[0] = old + 1
        if v[0] != old + 1: sys.exit("somebody else wrote to my memory")
print("ready")
while 1: check(1000)`)
	for range 30 {
		var late *TimeoutError
		if _, err := captureOf(t, context.Background(), pid, 20*time.Millisecond); err != nil && !errors.As(err, &late) {
			t.Fatal(err)
		}
	}
	if _, err := procmem.ReadMaps(pid); err != nil {
		t.Error(err)
	}
}

// When its context ends, capture does, too.
func TestCaptureIsCancelled(t *testing.T) {
	pid := target.Start(t, "/usr/bin/python3.11", "print('ready')\nsum(range(10**12))")
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := captureOf(t, ctx, pid, 20*time.Second)
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}

// Where no safe point comes, the error names the C functions that the thread is in.
func TestTimeoutNamesNativeStack(t *testing.T) {
	pid := target.Start(t, "/usr/bin/python3.11", "import itertools\nprint('ready')\nwhile 1: sorted(itertools.repeat(1, 2*10**7))")
	for range 20 { // the moment may be one inside libc, which has other tables, or between two calls
		_, err := captureOf(t, context.Background(), pid, 10*time.Millisecond)
		var late *TimeoutError
		if err == nil {
			continue
		}
		if !errors.As(err, &late) {
			t.Fatal(err)
		}
		if strings.Contains(late.Why, "list_extend") && strings.Contains(late.Why, "builtin_sorted") {
			return
		}
		t.Log(late.Why)
	}
	t.Error("none of the stacks names builtin_sorted and what it called")
}
