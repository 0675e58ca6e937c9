package pyheap

import (
	"slices"
	"strings"
)

// TraceOptions say what a trace follows and what it looks for.
type TraceOptions struct {
	Without []string      // modules that are not entered by way of sys.modules
	Want    map[Addr]bool // objects whose holders are asked for
	Max     int           // references to each of them that are kept; 0 means all
}

// Reference says that one object holds another.
type Reference struct {
	Holder, To Addr
	HolderType string
	Constant   bool // the holder is a code object, or lies within the constants of one
	Ints       int  // how many ints the holder refers to; only where To is an int
	node, to   int  // numbers of their nodes
}

// Trace is what sys.modules leads to, along the shortest paths that avoid some modules, and who holds the
// objects asked for. A Walk keeps one path to each object; a trace finds all holders. Frames of threads
// are no part of it. It refers to the Walk.
type Trace struct {
	w    *Walk
	refs []Reference
	root int
	from []int32 // by node: the node it was reached from; -1 for the root, -2 if it was not reached
}

const (
	traceRoot = -1
	unreached = -2
)

// Trace follows every reference from sys.modules. Errors: those of Walk.
func (w *Walk) Trace(opt TraceOptions) (_ *Trace, err error) {
	defer guard(&err)
	defer w.h.begin(w.h.walkLimit())()
	t := &Trace{w: w, from: make([]int32, len(w.nodes))}
	for i := range t.from {
		t.from[i] = unreached
	}
	modules, err := w.h.modulesDict()
	if err != nil {
		return nil, err
	}
	root, ok := w.exactly(uint64(modules))
	if !ok {
		return nil, &ObjectError{Addr: modules, Want: "the dict of modules"}
	}
	v := tracer{t: t, opt: opt, types: map[*typeInfo]bool{}, counts: map[uint64]int{}, without: map[uint64]bool{},
		seen: newMarks(w.h.view), want: newMarks(w.h.view)}
	for a := range opt.Want {
		if s := w.h.view.find(uint64(a)); s != nil && a&7 == 0 {
			v.want.set(s, uint64(a))
		}
	}
	for _, name := range opt.Without {
		if m, ok := w.h.module(name); ok {
			v.without[uint64(m)] = true
		}
	}
	t.root, t.from[root] = root, traceRoot
	v.queue = []int{root}
	if err := v.run(); err != nil {
		return nil, err
	}
	return t, nil
}

// References gives the references found, those nearest to sys.modules first.
func (t *Trace) References() []Reference { return t.refs }

// Path tells where the holder is and how it holds the object, as Walk.Path does.
func (t *Trace) Path(r Reference) string {
	return t.w.pathAlong("sys.modules", append([]int{r.to}, t.chain(r.node)...))
}

// Modules gives the modules that the path to the holder leads through, and those that define the types
// of the objects on it, by name.
func (t *Trace) Modules(r Reference) []string {
	var out []string
	add := func(name string) {
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for _, i := range t.chain(r.node) {
		n := &t.w.nodes[i]
		if n.isBlock() {
			continue
		}
		if name, ok := t.w.h.moduleName(n.addr); ok {
			add(name)
		} else {
			add(t.w.h.moduleIn(t.w.h.nameOf(t.w.h.list[n.typ])))
		}
	}
	return out
}

// moduleIn gives the module of a qualified name: the longest part of it that names one.
func (h *Heap) moduleIn(name string) string {
	for i := strings.LastIndexByte(name, '.'); i > 0; i = strings.LastIndexByte(name[:i], '.') {
		if _, ok := h.module(name[:i]); ok {
			return name[:i]
		}
	}
	return ""
}

// chain gives the nodes from i back to the root.
func (t *Trace) chain(i int) []int {
	chain := []int{i}
	for t.from[i] >= 0 && len(chain) < maxPath {
		i = int(t.from[i])
		chain = append(chain, i)
	}
	return chain
}

// exactly gives the node that starts at a.
func (w *Walk) exactly(a uint64) (int, bool) {
	i, ok := w.nodeAt(a)
	return i, ok && w.nodes[i].addr == a
}
