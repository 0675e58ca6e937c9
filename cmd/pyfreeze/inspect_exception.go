package main

import (
	"fmt"
	"io"

	"pyfreeze/pyheap"
)

// shownException is an exception, as --json prints it.
type shownException struct {
	Addr    string          `json:"addr"`
	Type    string          `json:"type"`
	Repr    string          `json:"repr"`
	Notes   []string        `json:"notes,omitempty"`
	Frames  []shownFrame    `json:"frames,omitempty"`  // of the traceback, the newest last
	Cause   *shownException `json:"cause,omitempty"`   // raise ... from
	Context *shownException `json:"context,omitempty"` // that was being handled, unless raise ... from hides it
	LeftOut bool            `json:"left_out,omitempty"`
}

const maxCauses = 64 // one of the other

// exception describes an exception with those that led to it.
func (s *subject) exception(a pyheap.Addr, locals bool, src *sources, seen map[pyheap.Addr]bool) *shownException {
	if a == 0 || seen[a] || len(seen) >= maxCauses {
		return nil
	}
	seen[a] = true
	e, err := s.heap.ReadException(a)
	if err != nil {
		return nil
	}
	x := &shownException{Addr: hex(a), Type: e.TypeName, Repr: e.Repr, Notes: e.Notes, LeftOut: e.Truncated}
	for i := range e.Frames {
		x.Frames = append(x.Frames, s.frame(&e.Frames[i], locals, src))
	}
	x.Cause = s.exception(e.Cause, locals, src, seen)
	if !e.Suppress && x.Cause == nil {
		x.Context = s.exception(e.Context, locals, src, seen)
	}
	return x
}

// handled gives the exceptions that a thread handles, without those that are told as what led to
// another.
func (s *subject) handled(tstate pyheap.Addr, locals bool, src *sources) (out []*shownException) {
	seen := map[pyheap.Addr]bool{}
	for _, a := range s.heap.Handled(tstate) {
		if x := s.exception(a, locals, src, seen); x != nil {
			out = append(out, x)
		}
	}
	return out
}

// write prints an exception as a traceback, those that led to it first.
func (x *shownException) write(w io.Writer, pad string) {
	switch {
	case x.Cause != nil:
		x.Cause.write(w, pad)
		fmt.Fprintln(w, pad+"which was the direct cause of")
	case x.Context != nil:
		x.Context.write(w, pad)
		fmt.Fprintln(w, pad+"during handling of which occurred")
	}
	writeFrames(w, x.Frames, pad)
	if x.LeftOut {
		fmt.Fprintln(w, pad+"  ...")
	}
	fmt.Fprintf(w, "%s%s\n", pad, printable(x.Repr))
	for _, n := range x.Notes {
		fmt.Fprintf(w, "%s%s\n", pad, printable(n))
	}
}
