package symbols

import (
	"cmp"
	"context"
	"embed"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed layouts
var layoutFiles embed.FS

// ShippedError says why no layout that pyfreeze ships serves an interpreter without debug information.
type ShippedError struct {
	Path string // the interpreter's file
	Why  string
}

func (e *ShippedError) Error() string {
	return fmt.Sprintf("no shipped layout for %s: %s", e.Path, e.Why)
}

// LoadShippedLayout makes the layout of an interpreter from those that are shipped, whether it has debug information or not: types of a build with that version whose
// _PyRuntime has the same size, and the symbols that the file itself has. What it says is to be checked against a target (pyheap.Check).
func LoadShippedLayout(f *File) (*Layout, error) {
	fail := func(format string, args ...any) (*Layout, error) {
		return nil, &ShippedError{f.Path, fmt.Sprintf(format, args...)}
	}
	rt, ok := f.anySym("_PyRuntime")
	v, freeThreaded, known := pythonVersion(f)
	if !ok || !known || freeThreaded || v.Major != 3 {
		return fail("it holds no CPython with a GIL")
	}
	s, err := readShipped(v)
	if err != nil {
		return fail("pyfreeze ships none for %d.%d", v.Major, v.Minor)
	}
	n, ok := s.choose(v, rt.Size)
	if !ok {
		return fail("its _PyRuntime has %d bytes, as no build that pyfreeze knows has", rt.Size)
	}
	t, objects, err := s.table(n, "")
	if err != nil {
		return fail("%v", err)
	}
	if t.syms, err = collectSymbols(f, f); err != nil {
		return nil, err
	}
	t.source = fmt.Sprintf("the shipped layouts of CPython %s (%s)", s.builds[n].version, s.builds[n].origin)
	l := newLayout(f, t)
	l.shipped, l.build, l.objects = s, n, objects
	return l, nil
}

// readShipped reads the file of a minor version.
func readShipped(v Version) (*shipped, error) {
	text, err := layoutFiles.ReadFile(fmt.Sprintf("layouts/%d.%d.txt", v.Major, v.Minor))
	if err != nil {
		return nil, err
	}
	return splitShipped(string(text))
}

// choose picks a build by the size of _PyRuntime, which differs wherever the interpreter's own structs do; of several the
// one whose version is nearest.
func (s *shipped) choose(v Version, runtime uint64) (int, bool) {
	var fit []int
	for i, b := range s.builds {
		if b.runtime == runtime {
			fit = append(fit, i)
		}
	}
	if len(fit) == 0 {
		return 0, false
	}
	far := func(i int) int {
		var major, minor, micro int
		_, _ = fmt.Sscanf(s.builds[i].version, "%d.%d.%d", &major, &minor, &micro) // ours; else it is far
		return max(v.Micro-micro, micro-v.Micro)
	}
	return slices.MinFunc(fit, func(a, b int) int { return cmp.Compare(far(a), far(b)) }), true
}

// Shipped says whether the layout is one of those that pyfreeze ships, for want of debug information: then it is to be
// checked against the target before it is believed.
func (l *Layout) Shipped() bool { return l.shipped != nil }

// ObjectStruct gives the struct that objects of a type are made of ("collections.deque"), or that a module keeps its state in
// ("state:_struct"), where a shipped layout says so; debug information does not.
func (l *Layout) ObjectStruct(name string) (*Struct, bool) {
	id, ok := l.objects[name]
	if !ok || id < 0 {
		return nil, false
	}
	st, err := l.StructOf(l.refs[id])
	return st, err == nil
}

// LoadModuleLayout is [LoadLayoutContext] for a module that an interpreter with that layout has loaded: one of CPython's own extension
// modules without debug information has a shipped layout, too, if the interpreter's is one. It has no symbols but exported ones.
func LoadModuleLayout(ctx context.Context, f *File, interp *Layout) (*Layout, error) {
	l, err := loadLayout(ctx, f, true) // without it, a module is only read with more care
	if err == nil || !interp.Shipped() || filepath.Base(filepath.Dir(f.Path)) != "lib-dynload" {
		return l, err
	}
	name, _, _ := strings.Cut(filepath.Base(f.Path), ".")
	if interp.shipped.sections[name] == nil {
		return nil, err
	}
	t, objects, err := interp.shipped.table(interp.build, name)
	if err != nil {
		return nil, err
	}
	if t.syms, err = collectSymbols(f, f); err != nil {
		return nil, err
	}
	t.source = interp.Source
	l = newLayout(f, t)
	l.shipped, l.build, l.objects = interp.shipped, interp.build, objects
	return l, nil
}

// Shifted gives a copy of a layout in which a member of a struct, and what comes after it, is so many bytes further on: a layout of
// another build, as tests want it. It is false where there is no such member.
func (l *Layout) Shifted(typ, member string, by uint64) (*Layout, bool) {
	id, ok := l.typeID(typ)
	if !ok {
		return nil, false
	}
	t := *l.t
	t.fields = slices.Clone(l.t.fields)
	st := &t.types[l.refs[id].id]
	found := false
	for i := st.first; i < st.first+st.n; i++ {
		found = found || t.fields[i].name == member
		if found {
			t.fields[i].off += by
		}
	}
	c := &Layout{Path: l.Path, BuildID: l.BuildID, Source: l.Source, shipped: l.shipped, build: l.build, objects: l.objects}
	c.index(&t)
	return c, found
}
