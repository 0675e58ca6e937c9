package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// progress shows on a terminal what is being done; with verbose it writes a line a
// step, wherever stderr goes.
type progress struct {
	verbose, tty bool
	start        time.Time
	last         string
	shown        time.Time
}

func newProgress(verbose bool) *progress {
	_, err := unix.IoctlGetTermios(int(os.Stderr.Fd()), unix.TCGETS)
	return &progress{verbose: verbose, tty: err == nil, start: time.Now()}
}

func (p *progress) step(name string, done, total uint64) {
	switch {
	case p.verbose:
		if name != p.last {
			fmt.Fprintf(os.Stderr, "pyfreeze: %6.1f ms  %s\n", float64(time.Since(p.start).Microseconds())/1000, name)
		}
	case p.tty && (name != p.last || time.Since(p.shown) > 100*time.Millisecond):
		if total > 0 {
			fmt.Fprintf(os.Stderr, "\r\x1b[K%s %d%%", name, done*100/total)
		} else {
			fmt.Fprintf(os.Stderr, "\r\x1b[K%s", name)
		}
		p.shown = time.Now()
	}
	p.last = name
}

func (p *progress) end() {
	if p.tty && !p.verbose && p.last != "" {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
}
