package freeze

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pyfreeze/restore/guard"
	"pyfreeze/restore/prefix"
)

// facts are the kinds of guards of what a program can ask the kernel for.
var facts = map[string]guard.ReadKind{prefix.AskedCwd: guard.Cwd, prefix.AskedHost: guard.Host,
	prefix.AskedUser: guard.User, prefix.AskedCPUs: guard.CPUs, prefix.AskedUmask: guard.Umask,
	prefix.AskedGroups: guard.Groups, prefix.AskedScheduling: guard.Scheduling}

// addReads makes guards of what the program has read before its point.
func (f *freezing) addReads(g *guard.Guards) {
	r := f.o.Reads
	if r == nil {
		return
	}
	for fd := range uint64(len(r.TTY)) {
		if r.TTY[fd] {
			g.Facts = append(g.Facts, guard.Fact(guard.Terminal, fd))
		}
		if r.Kind[fd] {
			g.Facts = append(g.Facts, guard.Fact(guard.Stream, fd))
		}
		if r.Size[fd] {
			g.Facts = append(g.Facts, guard.Fact(guard.Size, fd))
		}
	}
	for _, what := range slices.Sorted(maps.Keys(r.Asked)) {
		if kind, ok := facts[what]; ok {
			g.Facts = append(g.Facts, guard.Fact(kind, 0))
		}
	}
	g.Facts = append(g.Facts, f.startFacts()...)
	have := map[string]bool{}
	for _, file := range g.Files {
		have[file.Path] = true
	}
	if f.cmd.What[0] == "-m" { // modules of that directory come first
		g.Facts = append(g.Facts, guard.Fact(guard.Cwd, 0))
	}
	r.Files["/etc/localtime"] |= prefix.Opened
	if len(f.plainly) > 0 {
		r.Files[f.plainly[0]] |= prefix.Opened
	}
	for _, path := range f.otherParts() {
		r.Files[path] |= prefix.Looked
	}
	for _, path := range slices.Sorted(maps.Keys(r.Files)) {
		f.addRead(g, path, r.Files[path], have[path])
	}
	// The interpreter's start looks where its script and itself really lie: Modules/main.c,
	// Modules/getpath.py (getpath.c until 3.10).
	for _, path := range []string{f.plain.Script(), f.plain.Interp[0]} {
		for _, link := range linksOn(path) {
			r.Links[link] = true
		}
	}
	for _, path := range slices.Sorted(maps.Keys(r.Links)) {
		if read, ok := guard.ReadOf(guard.Link, path); ok {
			g.Reads = append(g.Reads, read)
		}
	}
	f.addAccesses(g)
	for _, path := range slices.Sorted(maps.Keys(f.o.Reads.Nothing)) { // where a thaw is started
		g.Reads = append(g.Reads, guard.Read{Kind: guard.Absent, Text: path})
	}
}

// linksOn returns the symbolic links on the way to an absolute path, those that they lead through
// included.
func linksOn(path string) (out []string) {
	const most = 40 // MAXSYMLINKS of include/linux/namei.h
next:
	for filepath.IsAbs(path) && len(out) < most {
		path = filepath.Clean(path)
		for i := 1; i <= len(path); i++ {
			if i < len(path) && path[i] != '/' {
				continue
			}
			target, err := os.Readlink(path[:i])
			if err != nil {
				continue // no link, or not there
			}
			out = append(out, path[:i])
			if !filepath.IsAbs(target) {
				target = filepath.Dir(path[:i]) + "/" + target
			}
			path = target + path[i:]
			continue next
		}
		break
	}
	return out
}

// addAccesses makes guards of what the program was told when it asked whether it may use a path.
func (f *freezing) addAccesses(g *guard.Guards) {
	asked := slices.SortedFunc(maps.Keys(f.o.Reads.Accesses), func(a, b prefix.Access) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), cmp.Compare(a.Mode, b.Mode), cmp.Compare(a.Flags, b.Flags))
	})
	for _, a := range asked {
		g.Reads = append(g.Reads, guard.Read{Kind: guard.Access, Text: a.Path,
			A: a.Mode | a.Flags<<guard.AccessFlags, B: f.o.Reads.Accesses[a]})
	}
}

// startFacts are those of what the program may have set for itself: as it was when it started.
func (f *freezing) startFacts() (out []guard.Read) {
	then := f.start.State
	if then == nil {
		return nil
	}
	if f.o.Reads.Asked[prefix.AskedNice] {
		out = append(out, guard.NiceFact(then.Nice))
	}
	for _, resource := range slices.Sorted(maps.Keys(f.o.Reads.Limits)) {
		if l := then.Limits; resource < uint64(len(l)) {
			out = append(out, guard.LimitFact(resource, l[resource][0], l[resource][1]))
		}
	}
	return out
}

// addRead makes a guard of one path. Of a file that is guarded already nothing is to be added.
func (f *freezing) addRead(g *guard.Guards, path string, how prefix.How, known bool) {
	add := func(kind guard.ReadKind) bool {
		read, ok := guard.ReadOf(kind, path)
		if ok {
			g.Reads = append(g.Reads, read)
		}
		return ok
	}
	st, err := os.Stat(path)
	if how&prefix.Told != 0 && err == nil && !prefix.OfKernel(path) {
		add(guard.Status)
	}
	switch {
	case err != nil:
		add(guard.Absent)
	case prefix.OfKernel(path) && how&prefix.Opened != 0 && st.Mode().IsRegular():
		add(guard.Content)
	case prefix.OfKernel(path) && !st.IsDir():
		add(guard.Other)
	case how&prefix.Listed != 0 && add(guard.Names):
	case how&prefix.Import != 0 && add(guard.Import):
	case st.IsDir():
		add(guard.Directory)
	case !st.Mode().IsRegular():
		add(guard.Other)
	case !known:
		if id, ok := f.asRead(path); ok {
			g.Files = append(g.Files, guard.Source(path, id))
		}
	}
}

// asRead returns the identity of a file as the program has read it: that of no file, where it may
// have changed since. It returns false where the file cannot be looked at.
func (f *freezing) asRead(path string) (guard.ID, bool) {
	id, err := guard.Stat(path)
	if err != nil {
		return id, false
	}
	if changedSince(id, f.start.Time) {
		f.stale = append(f.stale, path)
		id = never
	}
	return id, true
}

// changedSince says whether a file may have changed after a time, which is zero where it is not
// known.
func changedSince(id guard.ID, t time.Time) bool {
	return !t.IsZero() && t.Before(time.Unix(0, int64(id.CtimeNs)))
}

// variablesRead are those that the program looked for before its point; of all, those that there
// are, and none may come up.
func (f *freezing) variablesRead() []string {
	r := f.o.Reads
	if r == nil {
		return nil
	}
	// libc reads TZ, for all that is a local time.
	names := append(slices.Sorted(maps.Keys(r.Env)), "TZ")
	if r.AllEnv {
		names = append(names, "*")
	}
	return names
}
