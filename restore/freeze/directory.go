package freeze

import (
	"maps"
	"slices"
	"strings"

	"pyfreeze/restore/captured"
	"pyfreeze/restore/prefix"
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
	if r == nil || !r.Asked[prefix.AskedCwd] {
		return nil
	}
	copies, ok := captured.Cwd(f.heap, f.walk, f.start.Cwd)
	constants := f.accounted(copies)
	if ok && len(f.plainly) == 0 && len(constants) == len(r.Askers) && !f.readsBelow() {
		f.copies = append(f.copies, copies...)
		delete(r.Asked, prefix.AskedCwd)
		delete(r.Files, f.start.Cwd)
	} else if f.o.Anywhere && r.Who[prefix.AskedCwd] != "" {
		return &BoundError{constants}
	}
	return nil
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
func (f *freezing) accounted(copies []captured.Copy) (out []string) {
	mods, err := f.heap.Modules()
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
	for _, who := range slices.Sorted(maps.Keys(f.o.Reads.Askers)) {
		at := strings.LastIndexByte(who, ':')
		if at >= 0 && kept[who[:at]] > 0 {
			kept[who[:at]]--
			out = append(out, who)
		}
	}
	return out
}
