// Package stub holds the parts of pyfreeze that are written in C, and the structures that they share with Go.
//
// The loader stub (thaw.c, agent.c, python.c, changes.c, fds.c, report.c) goes into images. At
// the freeze it is planted into the command that is frozen, where it makes the call of fork(); at
// the thaw it is planted into a fresh process, whose memory it replaces by the frozen one, and
// returns from that same call.
//
// The launcher (launch.c, guards.c, spawn.c) is part of pyfreeze's own text and runs before the Go runtime starts: see
// [Start].
package stub
