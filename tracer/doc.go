// Package tracer stops, reads, steers and releases processes through ptrace.
//
// [Attach] stops every thread of a running process; [Spawn] starts a program
// that is stopped before its first instruction. The methods of [Process] may be
// called from any goroutine: one goroutine, locked to its OS thread, does the
// ptrace calls, since the kernel accepts them from the tracing thread alone.
//
// [Process.Twin] makes a copy-on-write copy of a stopped process, which may be
// changed, run to breakpoints and read while the process itself goes on.
//
// Whatever happens to the tracer, the target goes on unharmed: no code page is
// patched, signals that arrive while it is stopped are delivered later, threads
// that were stopped before stay stopped, and when the tracer dies the kernel
// lets the target run.
package tracer
