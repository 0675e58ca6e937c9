package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// interruptError says that a signal ended the work.
type interruptError struct{ sig syscall.Signal }

func (e *interruptError) Error() string {
	return fmt.Sprintf("stopped by signal %d (%v); the process goes on, and no image was written", int(e.sig), e.sig)
}

// interruptible runs fn, whose context ends when a signal wants us to end: a target
// is then left in order. A second such signal ends us at once.
func interruptible(parent context.Context, fn func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	came := make(chan os.Signal, 1)
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) { // nohup
			signal.Notify(came, s)
		}
	}
	defer signal.Stop(came)
	go func() {
		select {
		case s := <-came:
			signal.Stop(came)
			cancel(&interruptError{s.(syscall.Signal)})
		case <-ctx.Done():
		}
	}()
	err := fn(ctx)
	var stopped *interruptError
	if err != nil && ctx.Err() != nil {
		if e, ok := context.Cause(ctx).(*interruptError); ok {
			stopped = e
		}
	}
	if stopped == nil {
		return err
	}
	return stopped
}

// dieOf ends this process by a signal, so that a shell sees what has happened.
func dieOf(s syscall.Signal) {
	signal.Reset(s)
	_ = syscall.Kill(syscall.Getpid(), s)
	time.Sleep(time.Second) // it comes at once, but to any thread
}
