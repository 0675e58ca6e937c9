package tracer

import (
	"runtime"
	"sync"
	"syscall"
)

// loop is the OS thread that traces: it runs closures, one at a time. The
// kernel ties a tracee to the thread that seized it.
type loop struct {
	work chan func()
	done chan struct{} // closed when the thread is about to end

	mu    sync.Mutex
	users int // processes that it traces
}

func startLoop() *loop {
	l := &loop{work: make(chan func()), done: make(chan struct{}), users: 1}
	go l.run()
	return l
}

// run never unlocks the thread: when the goroutine returns, Go ends the thread,
// and the kernel detaches from whatever is still attached, in any state. That is
// the last resort for threads that could not be stopped.
func (l *loop) run() {
	runtime.LockOSThread()
	if syscall.Gettid() == syscall.Getpid() {
		// Go never ends the main thread, so it would keep its tracees. While it
		// is locked here, a new goroutine cannot get it.
		moved := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(moved)
			l.serve()
		}()
		<-moved
		runtime.UnlockOSThread()
		return
	}
	l.serve()
}

func (l *loop) serve() {
	noStopSignals()
	defer close(l.done)
	for fn := range l.work {
		fn()
	}
}

// do runs fn on the thread and waits for it.
func (l *loop) do(fn func()) {
	finished := make(chan struct{})
	l.work <- func() {
		defer close(finished)
		fn()
	}
	<-finished
}

// share adds a user, who has to call stop, too.
func (l *loop) share() *loop {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.users++
	return l
}

// stop ends the thread when its last user is done, once fn's that were submitted
// before have run.
func (l *loop) stop() {
	l.mu.Lock()
	l.users--
	last := l.users == 0
	l.mu.Unlock()
	if !last {
		return
	}
	close(l.work)
	<-l.done
}
