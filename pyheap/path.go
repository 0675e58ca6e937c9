package pyheap

import (
	"fmt"
	"path/filepath"
	"strings"
)

const (
	maxPath  = 1 << 16 // steps; a breadth-first walk needs that many only on a linked list
	maxShown = 24      // steps of a path that are shown; the middle of a longer one is left out

	// MaxKeyShown is how many characters of the repr of a key a path shows.
	MaxKeyShown = 60
)

// Path tells how the walk reached the object at a, as a Python expression as far as there is one:
// "sys.modules['x'].y.z[0]", "frame serve() in mercurial/commandserver.py:123, local 'x'[0]". It is a
// shortest one from its root. The empty string means that the walk did not find a.
func (w *Walk) Path(a Addr) string {
	i, ok := w.nodeAt(uint64(a))
	if !ok || w.nodes[i].addr != uint64(a) {
		return ""
	}
	chain := []int{i}
	for w.nodes[i].parent >= 0 && len(chain) < maxPath {
		i = int(w.nodes[i].parent)
		chain = append(chain, i)
	}
	label := ""
	if top := w.nodes[chain[len(chain)-1]]; top.parent < 0 {
		r := &w.roots[-1-top.parent]
		label = w.rootLabel(r)
		if r.unnamed() { // nothing leads there but its address
			label = fmt.Sprintf("(%s) %#x", label, top.addr)
		}
	}
	return w.pathAlong(label, chain)
}

// pathAlong writes the path that leads along a chain of nodes, the last of which is where it begins.
func (w *Walk) pathAlong(label string, chain []int) string {
	defer w.h.begin(w.h.callLimit())()
	steps := []string{label}
	attrs := false // the dict just reached holds attributes
	for j := len(chain) - 1; j > 0; j-- {
		if n := len(chain) - 1 - maxShown; n > 0 && j == len(chain)-1-maxShown/2 {
			j, attrs = w.goesOnAt(chain, maxShown/2), false
			steps = append(steps, fmt.Sprintf(" ...(%d steps)... %#x", len(chain)-1-maxShown/2-j, w.nodes[chain[j]].addr))
			if j == 0 {
				break
			}
		}
		var s string
		s, attrs = w.step(chain[j], chain[j-1], attrs)
		if s != "" {
			steps = append(steps, s)
		}
	}
	if attrs {
		steps = append(steps, ".__dict__") // it is meant itself
	}
	return strings.Join(steps, "")
}

// goesOnAt gives the number of the first object of a chain at or after j, counted from its end.
func (w *Walk) goesOnAt(chain []int, j int) int {
	for j > 0 && w.nodes[chain[j]].isBlock() {
		j--
	}
	return j
}

// unnamed says that no name leads to what the root holds.
func (r *root) unnamed() bool {
	return r.kind == rootStack || r.kind == rootGC || r.kind == rootNamed && strings.ContainsRune(r.label, ' ') &&
		!strings.HasPrefix(r.label, mainThreads)
}

// mainThreads begins the labels of fields of the main thread's state.
const mainThreads = "main thread's "

// step describes the edge from one node to the next.
func (w *Walk) step(from, to int, attrs bool) (label string, toAttrs bool) {
	n := &w.nodes[from]
	f := finder{want: w.nodes[to].addr}
	if n.isBlock() {
		if p := w.planOf(n); p != nil {
			w.h.visitPlan(&f, n.addr, n.size, p)
			if f.isBlock {
				f.arg, f.found = wordIn(w.h.view.clip(n.addr, n.size), f.want)
			}
			if !f.found {
				return fmt.Sprintf(" -> %#x", f.want), false
			}
			return fmt.Sprintf(" -> <%s at %#x>.%s", p.name, n.addr, w.h.planField(p, f.arg)), false
		}
		w.h.scan(&f, w.h.view.clip(n.addr, n.size), 0, nil)
		if !f.found {
			return fmt.Sprintf(" -> %#x", f.want), false
		}
		return fmt.Sprintf(" -> %d bytes at %#x, +%#x", n.size, n.addr, f.arg), false
	}
	t := w.h.list[n.typ]
	w.h.visit(&f, n.addr, t)
	if f.isBlock {
		f.arg, f.found = w.h.wordOf(n.addr, t, f.want)
	}
	if !f.found {
		return fmt.Sprintf(" -> %#x", f.want), false
	}
	return w.h.edgeLabel(n.addr, t, f.kind, f.arg, attrs)
}

// edgeLabel describes an edge of the object at a.
func (h *Heap) edgeLabel(a uint64, t *typeInfo, k edgeKind, arg uint64, attrs bool) (label string, toAttrs bool) {
	switch k {
	case edgeType:
		return ".__class__", false
	case edgeDict:
		return "", true
	case edgeItem:
		return fmt.Sprintf("[%d]", arg), false
	case edgeAttr:
		return attrLabel(h.keyName(arg)), false
	case edgeValue:
		if attrs {
			if s, err := h.str(arg, maxName); err == nil {
				return attrLabel(s), false
			}
			return ".__dict__" + h.keyLabel(arg), false
		}
		return h.keyLabel(arg), false
	case edgeKey:
		if attrs {
			return fmt.Sprintf(".__dict__ key %d", arg), false
		}
		return fmt.Sprintf(" key %d", arg), false
	case edgeMember:
		return fmt.Sprintf(" member %d", arg), false
	case edgeFrame, edgeLocal, edgeStack:
		frame := a
		if t.kind == kindGen && h.off.frame.genState != absent {
			frame = a + h.off.frame.genFrame
		} else if t.kind == kindFrame && h.off.frame.interpreterFrames() {
			frame, _ = h.view.u64(a + h.off.frame.objFrame)
		}
		return ", " + h.slotLabel(frame, k, arg), false
	}
	name := h.fieldName(a, t, arg)
	if name == "__dict__" {
		return "", true
	}
	return "." + name, false
}

func (h *Heap) keyName(key uint64) string {
	s, err := h.str(key, maxName)
	if err != nil {
		return "?"
	}
	return s
}

// slotLabel describes a slot of a frame.
func (h *Heap) slotLabel(frame uint64, k edgeKind, arg uint64) string {
	switch k {
	case edgeLocal:
		p, _ := h.view.u64(frame + h.off.frame.code)
		names := h.localNames(h.untag(p))
		if arg < uint64(len(names)) {
			return "local '" + names[arg] + "'"
		}
		return fmt.Sprintf("local %d", arg)
	case edgeStack:
		return fmt.Sprintf("value stack %d", arg)
	}
	o := &h.off.frame
	for name, off := range map[string]uint64{"function": o.fn, "globals": o.globals, "builtins": o.builtins,
		"locals": o.locals, "code": o.code, "frame object": o.frameObj} {
		if off == arg {
			return name
		}
	}
	return fmt.Sprintf("field +%#x", arg)
}

// rootLabel describes where a path begins.
func (w *Walk) rootLabel(r *root) string {
	h := w.h
	switch r.kind {
	case rootFrame:
		return h.frameLabel(r.at) + ", " + h.slotLabel(r.at, r.edge, r.arg)
	case rootStatic:
		return h.staticLabel(r.at)
	case rootThread:
		for _, t := range w.tstates {
			if r.at >= uint64(t.Addr) && r.at-uint64(t.Addr) < w.tstateSize {
				return h.threadLabel(t) + ", " + h.structField("PyThreadState", r.at-uint64(t.Addr))
			}
		}
		return "thread state"
	case rootStack:
		return "only the C stack has it"
	case rootGC:
		return "only the garbage collector knows it"
	}
	return r.label
}

// staticLabel names a word of static data by file and, in the interpreter, by symbol.
func (h *Heap) staticLabel(at uint64) string {
	s := h.view.find(at)
	where := "static data"
	if s != nil && s.path != "" {
		where += " of " + filepath.Base(s.path)
	}
	if at >= uint64(h.in.Module.Range.Start) && at < uint64(h.in.Module.Range.End) {
		if sym, off, ok := h.lay.SymbolAt(Addr(at) - h.in.Bias); ok {
			if sym.Name == "_PyRuntime" {
				return "_PyRuntime." + h.structField("_PyRuntimeState", off)
			}
			return fmt.Sprintf("%s, %s+%#x at %#x", where, sym.Name, off, at)
		}
	}
	return fmt.Sprintf("%s at %#x", where, at)
}

// finder looks for the first edge to one object or block.
type finder struct {
	want    uint64
	found   bool
	isBlock bool // it is one
	kind    edgeKind
	arg     uint64
}

func (f *finder) edge(k edgeKind, to, arg uint64) {
	if !f.found && to == f.want {
		f.found, f.kind, f.arg = true, k, arg
	}
}

func (f *finder) block(_ blockKind, at, _ uint64) {
	if !f.found && at == f.want {
		f.found, f.isBlock, f.kind = true, true, edgeWord
	}
}

func (f *finder) wantType(*typeInfo) bool { return true }
