package refuse

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"pyfreeze/restore/snapshot"
)

// databases looks for connections to files of SQLite, which a thaw could not lock.
func (t *Target) databases(fds []snapshot.Descriptor) (out []Offender) {
	for _, o := range t.Walk.OfType("sqlite3.Connection") {
		for i := range fds {
			if d := &fds[i]; o.Kept() && isSQLite(d.Target) {
				out = append(out, Offender{"sqlite", t.Walk.Path(o.Addr), fmt.Sprintf("a connection to %s (descriptor %d)", d.Target, d.FD),
					"close it before the freeze"})
			}
		}
	}
	return out
}

// isSQLite says whether a file is a database of SQLite, by its first bytes; a new one is empty.
func isSQLite(path string) bool {
	const magic = "SQLite format 3\x00"
	if !strings.HasPrefix(path, "/") {
		return false
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return false
	}
	b := make([]byte, len(magic))
	n, err := f.ReadAt(b, 0)
	return string(b[:n]) == magic || n == 0 && errors.Is(err, io.EOF)
}
