package snapshot

import "golang.org/x/sys/unix"

// firstArgument gives what a function was called with first, at its first instruction (System V ABI).
func firstArgument(r *unix.PtraceRegs) uint64 { return r.Rdi }

// secondArgument gives what it was called with after that.
func secondArgument(r *unix.PtraceRegs) uint64 { return r.Rsi }

// stackPointer returns where a thread's stack ends.
func stackPointer(r *unix.PtraceRegs) uint64 { return r.Rsp }
