package freeze

import (
	"maps"
	"slices"
	"strings"

	"pyfreeze/pyheap"
	"pyfreeze/restore/captured"
	"pyfreeze/restore/prefix"
	"pyfreeze/restore/snapshot"
)

// BoundError says that an image would fit in one working directory alone, since the program has
// asked for it. Constants are the lines of Python that asked and kept it in a constant of their
// module, which a thaw can set.
type BoundError struct{ Constants []string }

func (e *BoundError) Error() string {
	return "the program has asked for its working directory, and keeps it"
}

// findDirectory looks for what has become of the working directory that the program has asked for.
// Where it is in constants of modules alone, as libraries keep it for messages, and nothing was
// read below it, a thaw sets these to its own.
func (f *freezing) findDirectory() error {
	r := f.o.Reads
	if r != nil && len(r.Nothing) > 0 && f.o.Given != nil && len(f.o.Given.Wrappers) > 0 {
		r.Asked[prefix.AskedCwd] = true // a wrapper may start its program in another directory
	}
	if r == nil || !r.Asked[prefix.AskedCwd] {
		return nil
	}
	askers := slices.Sorted(maps.Keys(r.Askers))
	copies, bound := directory(f.heap, f.walk, f.start.Cwd, askers)
	below := len(f.plainly) > 0 || f.readsBelow()
	if bound == nil && !below {
		f.copies = append(f.copies, copies...)
		delete(r.Asked, prefix.AskedCwd)
		delete(r.Files, f.start.Cwd)
	} else if f.o.Anywhere && slices.ContainsFunc(askers, ofProgram) {
		if below { // whatever keeps the answers
			bound = &BoundError{}
		}
		return bound
	}
	return nil
}

// ofProgram says whether it is the program that asks in a line, and not the interpreter that
// starts.
func ofProgram(who string) bool { return !strings.HasPrefix(who, "<frozen getpath>") }

// Bound looks at a stopped command that has asked for its working directory by some lines, and
// returns why an image of it would be bound to that; nil where it would not, as far as that shows.
func Bound(c *snapshot.Command, askers []string) (bound *BoundError, err error) {
	err = c.Walk(func(h *pyheap.Heap, w *pyheap.Walk) {
		_, bound = directory(h, w, c.Start().Cwd, askers)
	})
	return bound, err
}

// directory returns the constants of modules that are the working directory, and why an image would
// be bound to that.
func directory(h *pyheap.Heap, w *pyheap.Walk, cwd string, askers []string) ([]captured.Copy,
	*BoundError) {
	copies, ok := captured.Cwd(h, w, cwd)
	constants := accounted(h, copies, askers)
	if !ok || len(constants) != len(askers) {
		return nil, &BoundError{constants}
	}
	return copies, nil
}

// readsBelow says whether the program has read anything in its working directory.
func (f *freezing) readsBelow() bool {
	r, below := f.o.Reads, strings.TrimSuffix(f.start.Cwd, "/")+"/"
	for path, how := range r.Files {
		if strings.HasPrefix(path, below) || path == f.start.Cwd && how&^prefix.Looked != 0 {
			return true
		}
	}
	for path := range r.Links {
		if strings.HasPrefix(path, below) {
			return true
		}
	}
	return false
}

// accounted gives the lines that have asked for the directory, of modules that keep it, once for
// each: what else became of the answer, such as the parts of a Path, cannot be found.
func accounted(h *pyheap.Heap, copies []captured.Copy, askers []string) (out []string) {
	mods, err := h.Modules()
	if err != nil {
		return nil
	}
	file, kept := map[string]string{}, map[string]int{}
	for _, m := range mods {
		file[m.Name] = m.File
	}
	for _, c := range copies {
		kept[file[c.Module]]++
	}
	for _, who := range askers {
		at := strings.LastIndexByte(who, ':')
		if at >= 0 && kept[who[:at]] > 0 {
			kept[who[:at]]--
			out = append(out, who)
		}
	}
	return out
}
