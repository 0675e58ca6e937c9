package snapshot

import (
	"golang.org/x/sys/unix"

	"pyfreeze/tracer"
)

// ofThread are calls by which nobody can tell that a thread of a library makes them, though a main
// thread must not: they are about the thread itself, which no thaw has.
var ofThread = map[uint64]bool{unix.SYS_EXIT: true, unix.SYS_SCHED_SETAFFINITY: true,
	unix.SYS_SCHED_SETSCHEDULER: true, unix.SYS_SCHED_SETPARAM: true, unix.SYS_SETPRIORITY: true}

// wantsOf is wants for a program and the threads that libraries have started in it: what these read
// counts as read by the program, and what others can tell of them must not come before the point.
func (o *observer) wantsOf(tid int, call *tracer.Call) bool {
	if tid == o.c.p.PID() {
		return o.wants(call)
	}
	o.mem.forget() // though the main thread runs meanwhile
	if call.Done {
		o.unheard = o.unheard || mapsCode(call)
		if o.reads != nil {
			if what := o.reads.Note(o.proc, call, true); what != "" {
				o.reads.By(what, "a thread of a library")
			}
		}
		return false
	}
	if ofThread[call.Nr] {
		return false
	}
	effect := o.proc.Effect(call)
	if effect == "" {
		return false
	}
	o.effect, o.inThread = "has a thread of a library that "+effect, true
	return true
}
