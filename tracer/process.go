package tracer

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
)

// Process is a process whose threads are stopped under this tracer. Its methods
// are safe for concurrent use; they run one after the other.
type Process struct {
	pid     int
	spawned bool
	twin    bool // made by Twin: dies with us
	dies    bool // spawned, and dies with us, too

	mu       sync.Mutex // serialises calls; held while the loop works
	detached bool
	loop     *loop

	// All below belongs to the loop's thread while it works.
	threads map[int]*thread
	site    procmem.Addr          // of a system call instruction; 0 not yet known
	gadgets gadgets               // code for a chain; as above
	watched bool                  // a thread has had a watch
	breaks  map[procmem.Addr]byte // of a twin: breakpoints, and the bytes under them
	mem     *os.File              // /proc/PID/mem; nil until needed
	ended   *syscall.WaitStatus   // of a spawned process, once known
	family  map[int]*thread       // what it has started, where that is traced, too

	stopMu    sync.Mutex
	stoppedAt time.Time
	resumedAt time.Time // zero while stopped
}

// thread is one task of the target.
type thread struct {
	tid     int
	running bool
	// group says that the thread takes part in a group-stop (SIGSTOP and its
	// like) which is none of our doing and has to outlast us.
	group bool
	// trapped says that the thread is in the trap of PTRACE_EVENT_STOP itself,
	// the one place where PTRACE_LISTEN is allowed.
	trapped bool
	// sig is a signal about to be delivered (signal-delivery-stop), to be passed
	// on when the thread is resumed from this very stop; 0 if none.
	sig syscall.Signal
	// kept holds signals that were taken from the thread to do something else
	// first; see requeue.
	kept []keptSignal

	saved savedState
	// inCall says that a twin is at the entry of a system call.
	inCall bool
	// call is the system call whose entry ContinueToStop has seen last.
	call Call
}

// PID gives the process id.
func (p *Process) PID() int { return p.pid }

// Threads gives the ids of the stopped threads: the leader first (unless it has
// ended before the others), then by number.
func (p *Process) Threads() []int {
	var tids []int
	_ = p.call(func() error { // detached: none
		for tid := range p.threads {
			tids = append(tids, tid)
		}
		return nil
	})
	slices.SortFunc(tids, func(a, b int) int {
		if (a == p.pid) != (b == p.pid) {
			if a == p.pid {
				return -1
			}
			return 1
		}
		return cmp.Compare(a, b)
	})
	return tids
}

// StoppedFor gives how long the target has been stopped or, when it runs again,
// how long it was the last time.
func (p *Process) StoppedFor() time.Duration {
	p.stopMu.Lock()
	defer p.stopMu.Unlock()
	switch {
	case p.stoppedAt.IsZero():
		return 0
	case p.resumedAt.IsZero():
		return time.Since(p.stoppedAt)
	}
	return p.resumedAt.Sub(p.stoppedAt)
}

func (p *Process) markStopped() {
	p.stopMu.Lock()
	defer p.stopMu.Unlock()
	p.stoppedAt, p.resumedAt = time.Now(), time.Time{}
}

func (p *Process) markResumed() {
	p.stopMu.Lock()
	defer p.stopMu.Unlock()
	p.resumedAt = time.Now()
}

// call runs fn on the tracing thread.
func (p *Process) call(fn func() error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.detached {
		return ErrDetached
	}
	var err error
	p.loop.do(func() { err = fn() })
	return err
}

// withThread runs fn on the tracing thread, for one stopped thread.
func (p *Process) withThread(tid int, fn func(*thread) error) error {
	return p.call(func() error {
		t, ok := p.threads[tid]
		if !ok {
			return &NoThreadError{p.pid, tid}
		}
		return fn(t)
	})
}

// opError makes an error of a failed ptrace request on a thread.
func (p *Process) opError(tid int, op string, err error) error {
	if errors.Is(err, unix.ESRCH) {
		return &NoThreadError{p.pid, tid}
	}
	return fmt.Errorf("cannot %s thread %d of process %d: %w", op, tid, p.pid, err)
}

// drop forgets a thread that has ended.
func (p *Process) drop(t *thread) { delete(p.threads, t.tid) }

// end ends the tracing thread; the kernel detaches whatever is still attached.
func (p *Process) end() {
	p.detached = true
	p.loop.stop()
	p.closeMem()
}
