package symbols

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
)

// Layout is what the debug information and symbol tables of one file say:
// types, variables, functions, symbols. It holds no open file and is safe for
// concurrent use. Answers are memoized where they cost more than a map lookup.
type Layout struct {
	Path    string // the file it describes
	BuildID string
	Source  string // the file that had the DWARF

	shipped *shipped         // what it was taken from; nil for debug information
	build   int              // of shipped
	objects map[string]int32 // what shipped says of types of objects, by name

	t      *table
	refs   []TypeRef        // by type index
	names  map[string]int32 // struct tags, typedefs, enums, base types
	consts map[string]int64

	structs sync.Map                // type index -> *Struct
	paths   sync.Map                // "type\x00path" -> Field
	byName  func() map[string]int32 // first symbol of each name
	byAddr  func() []int32          // symbols by address
	varName func() map[string]int32 // first variable of each name
	varAddr func() map[uint64]int32
	fnAddr  func() map[uint64]int32
}

// LoadLayout derives the layouts of f, or takes them from the cache: the first
// time of a build costs 0.3 to 2 s, later ones milliseconds. For an interpreter without debug
// information it takes a layout that pyfreeze ships (Layout.Shipped), if one fits; else it fails
// with a *MissingDebugError. An unusable cache costs time, never the call.
func LoadLayout(f *File) (*Layout, error) { return LoadLayoutContext(context.Background(), f) }

// LoadLayoutContext is LoadLayout, but waits for a server of $DEBUGINFOD_URLS only until ctx
// ends, and tells the function of [WithProgress] what it fetches.
func LoadLayoutContext(ctx context.Context, f *File) (*Layout, error) {
	return loadLayout(ctx, f, false)
}

// loadLayout is LoadLayoutContext. What is optional may take servers less time.
func loadLayout(ctx context.Context, f *File, optional bool) (*Layout, error) {
	dir := cacheDir()
	if t := readCache(dir, f); t != nil {
		return newLayout(f, t), nil
	}
	t, err := buildTable(ctx, f, optional)
	if missing, ok := errors.AsType[*MissingDebugError](err); ok {
		l, err := LoadShippedLayout(f)
		if err == nil {
			return l, nil
		}
		missing.Shipped = err
	}
	if err != nil {
		return nil, err
	}
	writeCache(dir, f, t)
	return newLayout(f, t), nil
}

// buildTable derives everything from the files.
func buildTable(ctx context.Context, f *File, optional bool) (*table, error) {
	debug, err := openDebug(ctx, f, optional)
	if err != nil {
		return nil, err
	}
	if debug != f {
		defer func() { _ = debug.Close() }() // only read
	}
	t, err := buildTypes(debug)
	if err != nil {
		return nil, err
	}
	t.syms, err = collectSymbols(f, debug)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(t.vars, func(a, b varRec) int {
		// Those with a place first.
		return cmp.Or(cmp.Compare(a.name, b.name), -cmp.Compare(min(a.addr, 1), min(b.addr, 1)), cmp.Compare(a.addr, b.addr))
	})
	return t, nil
}

func newLayout(f *File, t *table) *Layout {
	l := &Layout{Path: f.Path, BuildID: f.buildID, Source: t.source}
	l.index(t)
	return l
}

// index makes what speeds questions up.
func (l *Layout) index(t *table) {
	l.t = t
	l.makeRefs()
	l.indexNames()
	l.byName = sync.OnceValue(func() map[string]int32 {
		m := make(map[string]int32, len(t.syms))
		for i := len(t.syms) - 1; i >= 0; i-- {
			m[t.syms[i].name] = int32(i)
		}
		return m
	})
	l.byAddr = sync.OnceValue(l.sortByAddr)
	l.varName = sync.OnceValue(func() map[string]int32 {
		m := make(map[string]int32, len(t.vars))
		for i := len(t.vars) - 1; i >= 0; i-- {
			m[t.vars[i].name] = int32(i)
		}
		return m
	})
	l.varAddr = sync.OnceValue(func() map[uint64]int32 {
		m := make(map[uint64]int32, len(t.vars))
		for i := range t.vars {
			if a := t.vars[i].addr; a != 0 {
				m[a] = int32(i)
			}
		}
		return m
	})
	l.fnAddr = sync.OnceValue(func() map[uint64]int32 {
		m := make(map[uint64]int32, len(t.funcs))
		for i := range t.funcs {
			m[t.funcs[i].addr] = int32(i)
		}
		return m
	})
}

// makeRefs builds the TypeRef of every type. Typedefs are resolved here, once.
func (l *Layout) makeRefs() {
	types := l.t.types
	l.refs = make([]TypeRef, len(types))
	for i := range types {
		t := &types[l.resolve(int32(i))]
		r := &l.refs[i]
		*r = TypeRef{Kind: t.kind, Name: l.nameOf(int32(i)), Count: t.count, Size: t.size, id: l.resolve(int32(i))}
		switch t.kind {
		case KindStruct, KindUnion, KindEnum:
			r.Tag = t.name
		case KindPointer, KindArray, KindFunc:
			r.Elem = l.ref(t.elem)
		case kindTypedef: // of void, or a cycle
			r.Kind = KindVoid
		}
	}
	// Sizes of arrays need the sizes of what they consist of, at any depth.
	for i := range l.refs {
		if l.refs[i].Kind == KindArray {
			l.refs[i].Size = arraySize(&l.refs[i], 0)
		}
	}
}

func arraySize(r *TypeRef, depth int) uint64 {
	if r == nil || depth > maxDepth {
		return 0
	}
	if r.Kind != KindArray {
		return r.Size
	}
	return mulSize(r.Count, arraySize(r.Elem, depth+1))
}

// resolve follows typedefs; a chain that does not end stays a typedef.
func (l *Layout) resolve(id int32) int32 {
	start := id
	for range maxDepth {
		t := &l.t.types[id]
		if t.kind != kindTypedef {
			return id
		}
		if t.elem < 0 {
			return id
		}
		id = t.elem
	}
	return start
}

// nameOf returns the outermost name of a type; stand-ins have none.
func (l *Layout) nameOf(id int32) string {
	for range maxDepth {
		t := &l.t.types[id]
		if t.name != "" || t.kind != kindTypedef || t.elem < 0 {
			return t.name
		}
		id = t.elem
	}
	return ""
}

var voidRef = TypeRef{Kind: KindVoid, Name: "void", id: voidType}

func (l *Layout) ref(id int32) *TypeRef {
	if id < 0 {
		v := voidRef
		return &v
	}
	return &l.refs[id]
}

// indexNames picks, of several types with one name, a complete one, then the
// one that most units have.
func (l *Layout) indexNames() {
	types := l.t.types
	l.names = make(map[string]int32, len(types))
	l.consts = map[string]int64{}
	better := func(a, b int32) bool { // a before b
		ra, rb := &l.refs[a], &l.refs[b]
		if (ra.Size > 0) != (rb.Size > 0) {
			return ra.Size > 0
		}
		return types[a].weight > types[b].weight
	}
	for i := range types {
		t := &types[i]
		if t.kind == KindEnum {
			for _, f := range l.t.fields[t.first : t.first+t.n] {
				l.consts[f.name] = int64(f.off)
			}
		}
		if t.name == "" {
			continue
		}
		if old, ok := l.names[t.name]; !ok || better(int32(i), old) {
			l.names[t.name] = int32(i)
		}
	}
}
