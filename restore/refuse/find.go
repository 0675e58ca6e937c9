// Package refuse finds what a thaw could not bring back, each with its Python path and what the user can do.
package refuse

import (
	"slices"

	"pyfreeze/restore/libs"
	"pyfreeze/restore/memory"
	"pyfreeze/restore/snapshot"
)

// Use is what a copy is for.
type Use struct {
	Again   bool // the program runs again on its heap; else it goes on at its point
	Threads bool // all threads come back
	Allow   []string
}

// Find lists everything but descriptors.
func (t *Target) Find(c *snapshot.Copy, list []*libs.Library, shared []memory.Shared, use Use) []Offender {
	out := slices.Concat(t.shared(shared), t.children(), t.databases(c.FDs), t.finalizers(), t.loops())
	others := c.Threads[1:]
	if !use.Threads {
		watchdog := t.watchdog(len(c.Threads))
		out = slices.Concat(out, t.pythonThreads(), t.nativeThreads(c, list, len(watchdog) > 0), watchdog)
	}
	if use.Again || len(others) > 0 && !use.Threads {
		out = append(out, t.locks(c)...)
	} else {
		out = slices.Concat(out, t.renewed(c), t.hookedChild(c))
	}
	if use.Again {
		out = append(out, t.wakeup()...)
	}
	return Allowed(out, use.Allow)
}

// Allowed leaves those out that are allowed.
func Allowed(list []Offender, allow []string) []Offender {
	return slices.DeleteFunc(list, func(x Offender) bool { return x.Kind != "" && slices.Contains(allow, x.Kind) })
}
