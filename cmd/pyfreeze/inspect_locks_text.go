package main

import (
	"fmt"
	"io"
)

func (p *shownParty) String() string {
	text := fmt.Sprintf("thread %d", p.Tid)
	switch {
	case p.Task != "":
		text = "task"
		if p.Name == "" {
			text += " " + p.Task
		}
	case p.Gone:
		return fmt.Sprintf("a thread that has ended (ident %#x)", p.Ident)
	}
	if p.Name != "" {
		text += fmt.Sprintf(" %q", p.Name)
	}
	return text
}

// where is the name of a lock: its path or, without one, its address.
func whereLock(kind, path, addr string) string {
	if path == "" {
		path = addr
	}
	return kind + " " + path
}

// write prints deadlocks, then what is waited for, then what else is held.
func (l *shownLocks) write(w io.Writer) {
	for _, d := range l.Deadlocks {
		fmt.Fprintf(w, "DEADLOCK of %d\n", len(d))
		for i := range d {
			st, next := &d[i], &d[(i+1)%len(d)]
			how := ""
			if st.Inferred {
				how = " (inferred)"
			}
			fmt.Fprintf(w, "  %s\n", printable(fmt.Sprintf("%v waits for %s,", &st.shownParty,
				whereLock(st.Kind, st.Path, st.Lock))))
			if st.At != "" {
				fmt.Fprintf(w, "    at %s,\n", printable(st.At))
			}
			fmt.Fprintf(w, "    which %s holds%s\n", printable(next.String()), how)
		}
		fmt.Fprintln(w)
	}
	for i := range l.Locks {
		l.Locks[i].write(w)
	}
	for i := range l.GIL {
		fmt.Fprintf(w, "GIL\n  %s waits\n", printable(l.GIL[i].String()))
	}
	if len(l.Locks) == 0 && len(l.GIL) == 0 {
		fmt.Fprintln(w, "nothing is locked, and nothing waits for a lock")
	}
}

func (l *shownLock) write(w io.Writer) {
	head := whereLock(l.Kind, l.Path, l.Addr)
	if l.Path != "" {
		head += "  " + l.Addr
	}
	fmt.Fprintln(w, printable(head))
	fmt.Fprintf(w, "  %s\n", printable(l.state()))
	for i := range l.Waiters {
		p := &l.Waiters[i]
		text := p.String() + " waits"
		if p.Method != "" {
			text += " in " + p.Method + "()"
		}
		if p.At != "" {
			text += ", " + p.At
		}
		fmt.Fprintf(w, "  %s\n", printable(text))
	}
}

// state says whether it is held, by whom, and how that is known.
func (l *shownLock) state() string {
	text := "not held"
	if l.Held {
		text = "held"
	}
	switch {
	case l.Kind == "thread":
		text = "runs"
	case !l.Held && l.Count == nil && len(l.Waiters) > 0 && l.Kind != "lock" && l.Kind != "RLock":
		text = "waited for"
	}
	if l.Count != nil && (l.Kind == "Semaphore" || l.Kind == "asyncio Semaphore") {
		text = fmt.Sprintf("at %d", *l.Count)
	} else if l.Count != nil && *l.Count > 1 {
		text += fmt.Sprintf(" %d times", *l.Count)
	}
	for i := range l.Owners {
		by := ", "
		if i == 0 {
			by = " by "
			if l.Kind == "thread" {
				by = ": "
			} else if !l.Held {
				by = ", taken by "
			}
		}
		text += by + l.Owners[i].String()
	}
	switch {
	case l.Inferred:
		text += " (inferred from its with block)"
	case l.Held && len(l.Owners) == 0:
		text += ", by whom is not known"
	}
	return text
}
