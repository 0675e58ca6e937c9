package restore

import (
	"errors"
	"sort"
	"strings"
)

// The guards of an image are read at every thaw, a few hundred files among
// them, so they have a form that takes microseconds to read: numbers as
// 64-bit words, strings and lists with their length before them, a NUL behind
// each string. The launcher (stub/launch.c) reads it, too: keep both in step.

type guardWriter struct{ b []byte }

func (w *guardWriter) num(v uint64) { w.b = le.AppendUint64(w.b, v) }
func (w *guardWriter) str(s string) {
	w.num(uint64(len(s)))
	w.b = append(append(w.b, s...), 0)
}
func (w *guardWriter) strs(l []string) {
	w.num(uint64(len(l)))
	for _, s := range l {
		w.str(s)
	}
}

func (g *guards) encode() []byte {
	w := &guardWriter{}
	w.num(guardsVersion)
	w.str(g.Exe)
	w.strs(g.Argv0)
	w.strs(g.Script)
	w.str(g.Comm)
	w.num(g.CPU[0])
	w.num(g.CPU[1])
	w.num(uint64(b2i(g.UTF8Mode)))
	w.num(uint64(g.SyscallDelta))
	w.num(g.LdEntry)
	w.str(strings.Join(g.Variables, " "))
	var env []string
	for k, v := range g.Env {
		env = append(env, k+"="+v)
	}
	sort.Strings(env)
	w.strs(env)
	w.num(uint64(len(g.Files)))
	for _, f := range g.Files {
		w.str(f.Path)
		w.num(f.Size)
		w.num(f.MtimeNs)
		w.num(f.Ino)
		w.str(f.BuildID)
	}
	return w.b
}

const guardsVersion = 3

var errGuards = errors.New("the guards of the image are damaged or of another version of pyfreeze")

type guardReader struct {
	b   []byte
	bad bool
}

func (r *guardReader) num() uint64 {
	if len(r.b) < 8 {
		r.bad, r.b = true, nil
		return 0
	}
	v := le.Uint64(r.b)
	r.b = r.b[8:]
	return v
}

func (r *guardReader) str() string {
	n := r.num()
	if n >= uint64(len(r.b)) || r.b[n] != 0 {
		r.bad, r.b = true, nil
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n+1:]
	return s
}

// count reads the length of a list whose items take at least size bytes each.
func (r *guardReader) count(size uint64) int {
	n := r.num()
	if n > uint64(len(r.b))/size {
		r.bad, r.b = true, nil
		return 0
	}
	return int(n)
}

func (r *guardReader) strs() []string {
	n := r.count(8)
	out := make([]string, 0, n)
	for ; n > 0; n-- {
		out = append(out, r.str())
	}
	return out
}

func parseGuards(b []byte) (*guards, error) {
	r := &guardReader{b: b}
	if r.num() != guardsVersion {
		return nil, errGuards
	}
	g := &guards{Exe: r.str(), Argv0: r.strs(), Script: r.strs(), Comm: r.str(), CPU: [2]uint64{r.num(), r.num()},
		UTF8Mode: r.num() != 0, SyscallDelta: int64(r.num()), LdEntry: r.num(), Variables: strings.Fields(r.str()), Env: map[string]string{}}
	for _, e := range r.strs() {
		k, v, _ := strings.Cut(e, "=")
		g.Env[k] = v
	}
	n := r.count(40)
	g.Files = make([]guardFile, 0, n)
	for ; n > 0; n-- {
		g.Files = append(g.Files, guardFile{Path: r.str(), Size: r.num(), MtimeNs: r.num(), Ino: r.num(), BuildID: r.str()})
	}
	if r.bad || len(r.b) != 0 || g.Exe == "" || len(g.Argv0) == 0 {
		return nil, errGuards
	}
	return g, nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
