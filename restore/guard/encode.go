package guard

import (
	"encoding/binary"
	"errors"
	"sort"
	"strings"
)

// The guards of an image are read at every thaw, a few hundred files among them, so they have a form that takes
// microseconds to read: numbers as 64-bit words, strings and lists with their length before them, a NUL behind
// each string. The launcher reads it in C.

// encodingVersion is GUARDS_VERSION of stub/src/guards.c.
const encodingVersion = 8

var le = binary.LittleEndian

type writer struct{ b []byte }

func (w *writer) num(v uint64) { w.b = le.AppendUint64(w.b, v) }
func (w *writer) str(s string) {
	w.num(uint64(len(s)))
	w.b = append(append(w.b, s...), 0)
}
func (w *writer) strs(l []string) {
	w.num(uint64(len(l)))
	for _, s := range l {
		w.str(s)
	}
}

// Encode returns the guards as an image holds them.
func (g *Guards) Encode() []byte {
	w := &writer{}
	w.num(encodingVersion)
	w.str(g.Exe)
	w.strs(g.Argv0)
	w.strs(g.Script)
	w.str(g.Dir)
	w.str(g.Given)
	w.str(g.Comm)
	w.strs(g.Plain)
	for _, v := range g.CPU {
		w.num(v)
	}
	if g.UTF8Mode {
		w.num(1)
	} else {
		w.num(0)
	}
	w.num(uint64(g.Gate))
	if g.Strict {
		w.num(1)
	} else {
		w.num(0)
	}
	w.str(strings.Join(g.Names, " "))
	var env []string
	for k, v := range g.Env {
		env = append(env, k+"="+v)
	}
	sort.Strings(env)
	w.strs(env)
	w.reads(g.Facts)
	w.num(uint64(len(g.Files)))
	for _, f := range g.Files {
		w.str(f.Path)
		w.num(f.Size)
		w.num(f.MtimeNs)
		w.num(f.Ino)
		w.str(f.BuildID)
		w.num(f.CtimeNs)
		w.num(f.Sum)
	}
	w.reads(g.Reads)
	return w.b
}

// ErrDamaged says that guards cannot be read.
var ErrDamaged = errors.New("the guards of the image are damaged or of another version of pyfreeze")

type reader struct {
	b   []byte
	bad bool
}

func (r *reader) num() uint64 {
	if len(r.b) < 8 {
		r.bad, r.b = true, nil
		return 0
	}
	v := le.Uint64(r.b)
	r.b = r.b[8:]
	return v
}

func (r *reader) str() string {
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
func (r *reader) count(size uint64) int {
	n := r.num()
	if n > uint64(len(r.b))/size {
		r.bad, r.b = true, nil
		return 0
	}
	return int(n)
}

func (r *reader) strs() []string {
	n := r.count(8)
	out := make([]string, 0, n)
	for ; n > 0; n-- {
		out = append(out, r.str())
	}
	return out
}

// Parse reads what Encode has written. The error is ErrDamaged.
func Parse(b []byte) (*Guards, error) {
	r := &reader{b: b}
	if r.num() != encodingVersion {
		return nil, ErrDamaged
	}
	g := &Guards{Exe: r.str(), Argv0: r.strs(), Script: r.strs(), Dir: r.str(), Given: r.str(),
		Comm: r.str(), Plain: r.strs(), CPU: [3]uint64{r.num(), r.num(), r.num()},
		UTF8Mode: r.num() != 0, Gate: int64(r.num()),
		Strict: r.num() != 0, Names: strings.Fields(r.str()), Env: map[string]string{}}
	for _, e := range r.strs() {
		k, v, _ := strings.Cut(e, "=")
		g.Env[k] = v
	}
	g.Facts = r.reads()
	n := r.count(56)
	g.Files = make([]File, 0, n)
	for ; n > 0; n-- {
		g.Files = append(g.Files, File{Path: r.str(), Size: r.num(), MtimeNs: r.num(), Ino: r.num(), BuildID: r.str(),
			CtimeNs: r.num(), Sum: r.num()})
	}
	g.Reads = r.reads()
	if len(g.Plain) == 0 {
		g.Plain = nil
	}
	if r.bad || len(r.b) != 0 || g.Exe == "" || len(g.Argv0) == 0 {
		return nil, ErrDamaged
	}
	return g, nil
}
