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
	copies, ok := captured.Cwd(f.heap, f.walk, f.start.Cwd)
	if ok && f.accounted(copies) {
		f.copies = append(f.copies, copies...)
		delete(r.Asked, prefix.AskedCwd)
		delete(r.Files, f.start.Cwd)
	}
}

// accounted says whether each line that has asked for the directory is one of a module that keeps
// it, once for each: what else became of the answer, such as the parts of a Path, cannot be found.
func (f *freezing) accounted(copies []captured.Copy) bool {
	mods, err := f.heap.Modules()
	if err != nil {
		return false
	}
	file, kept := map[string]string{}, map[string]int{}
	for _, m := range mods {
		file[m.Name] = m.File
	}
	for _, c := range copies {
		kept[file[c.Module]]++
	}
	for who := range f.o.Reads.Askers {
		at := strings.LastIndexByte(who, ':')
		if at < 0 || kept[who[:at]] == 0 {
			return false
		}
		kept[who[:at]]--
	}
	return true
}
