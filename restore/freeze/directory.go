package freeze

import (
	"strings"

	"pyfreeze/restore/captured"
	"pyfreeze/restore/prefix"
)

// findDirectory looks for what has become of the working directory that the program has asked for.
// Where it is in constants of modules alone, as libraries keep it for messages, and nothing was
// read below it, a thaw sets these to its own.
func (f *freezing) findDirectory() {
	r := f.o.Reads
	if r == nil || !r.Asked[prefix.AskedCwd] || len(f.plainly) > 0 {
		return
	}
	below := strings.TrimSuffix(f.start.Cwd, "/") + "/"
	for path, how := range r.Files {
		if strings.HasPrefix(path, below) || path == f.start.Cwd && how&^prefix.Looked != 0 {
			return
		}
	}
	for path := range r.Links {
		if strings.HasPrefix(path, below) {
			return
		}
	}
	if copies, ok := captured.Cwd(f.heap, f.walk, f.start.Cwd); ok {
		f.copies = append(f.copies, copies...)
		delete(r.Asked, prefix.AskedCwd)
		delete(r.Files, f.start.Cwd)
	}
}
