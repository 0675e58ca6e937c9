package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"pyfreeze/cmd/pyfreeze/internal/pty"
)

// useTerminals gives this process terminals of its own as those of its standard streams that the
// command had one as: a letter t for each, in order. A program may ask for them before its point.
// The command's own must not stay open: whoever is at their other end waits for that.
func useTerminals(which string) error {
	for fd, c := range []byte(which) {
		if c != 't' || fd > 2 {
			continue
		}
		master, slave, err := pty.Open()
		if err != nil {
			return err
		}
		terminals = append(terminals, master) // it stays open as long as this process runs
		if err := unix.Dup3(int(slave.Fd()), fd, 0); err != nil {
			return fmt.Errorf("opening a terminal: %w", err)
		}
		_ = slave.Close() // its copy stays
	}
	return nil
}

// terminals are the other ends.
var terminals []*os.File
