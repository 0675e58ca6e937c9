package main

import (
	"fmt"
	"io"
)

// write prints a thread with its stack, as a traceback is written.
func (x *shownThread) write(w io.Writer) {
	fmt.Fprintln(w, printable(x.title()))
	writeFrames(w, x.Frames, "")
	for _, e := range x.Exceptions {
		fmt.Fprintln(w, "  handles")
		e.write(w, "  ")
	}
	switch {
	case x.Error != "" && len(x.Frames) > 0:
		fmt.Fprintf(w, "  (%s)\n", printable(x.Error))
	case x.Error != "":
		fmt.Fprintf(w, "  (frames cannot be read: %s)\n", printable(x.Error))
	case x.Python && len(x.Frames) == 0:
		fmt.Fprintln(w, "  (runs no Python code)")
	}
	switch {
	case x.Waits != nil:
		text := "waits for " + whereLock(x.Waits.Kind, "", x.Waits.Addr)
		if x.Waits.Method != "" {
			text += " in " + x.Waits.Method + "()"
		}
		if x.Waits.Held || x.Waits.Count != nil {
			text += ", " + x.Waits.state()
		}
		fmt.Fprintf(w, "  %s\n", printable(text))
	case x.OfGIL:
		fmt.Fprintln(w, "  waits for the GIL")
	case x.Call != nil:
		fmt.Fprintf(w, "  in %s\n", printable(x.Call.String()))
	}
}

// writeFrames prints frames as a traceback does, the newest last.
func writeFrames(w io.Writer, frames []shownFrame, pad string) {
	for i := range frames {
		f := &frames[i]
		fmt.Fprintf(w, "%s  File \"%s\", line %d, in %s\n", pad, printable(f.File), f.Line, printable(f.Function))
		if f.Source != "" {
			fmt.Fprintf(w, "%s    %s\n", pad, cut(printable(f.Source), lineWidth-4))
		}
		writeLocals(w, f.Locals, pad)
	}
}

func writeLocals(w io.Writer, locals []shownRef, pad string) {
	for _, l := range locals {
		head := fmt.Sprintf("%s      %s = ", pad, printable(l.Name))
		fmt.Fprintf(w, "%s%s\n", head, cut(printable(l.Repr), max(lineWidth-len([]rune(head)), 30)))
	}
}

// title is the line above a thread's stack.
func (x *shownThread) title() string {
	s := "Thread"
	if x.Tid != 0 {
		s += fmt.Sprintf(" %d", x.Tid)
	}
	if x.Name != "" {
		s += fmt.Sprintf(" %q", x.Name)
	} else if x.Native != "" {
		s += " (" + x.Native + ")"
	}
	if !x.Python {
		s += ", native: no Python code has run in it"
	}
	if x.Main {
		s += ", main"
	}
	if x.Sub {
		s += ", in a sub-interpreter"
	}
	if x.Daemon != nil && *x.Daemon {
		s += ", daemon"
	}
	if x.GIL {
		s += ", holds the GIL"
	}
	if n := stateNames[x.State]; n != "" {
		s += ", " + n
	}
	if x.Signal != nil {
		s += ", got " + x.Signal.text
	}
	return s
}
