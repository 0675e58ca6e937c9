package pyheap

// tracer visits what a trace reaches.
type tracer struct {
	t       *Trace
	opt     TraceOptions
	without map[uint64]bool
	seen    *marks // nodes that were reached
	want    *marks
	queue   []int
	types   map[*typeInfo]bool // whose edge was followed
	counts  map[uint64]int     // references kept, by object

	at       int // the node being visited
	constant bool
	first    int // of its references
}

func (v *tracer) run() error {
	w := v.t.w
	for next := 0; next < len(v.queue); next++ {
		v.at, v.first = v.queue[next], len(v.t.refs)
		n := w.nodes[v.at]
		v.constant = v.inCode(v.at)
		switch p := w.planOf(&n); {
		case !n.isBlock():
			w.h.visit(v, n.addr, w.h.list[n.typ])
		case p != nil:
			w.h.visitPlan(v, n.addr, n.size, p)
		case blockKind(n.typ) == blockOpaque:
			w.h.scan(v, w.h.view.clip(n.addr, n.size), 0, nil)
		}
		v.countInts()
		if w.h.exhausted() {
			return &BudgetError{Nodes: len(v.queue)}
		}
	}
	return nil
}

// countInts counts the ints of a holder of ints.
func (v *tracer) countInts() {
	w, n := v.t.w, 0
	for i := v.first; i < len(v.t.refs); i++ {
		r := &v.t.refs[i]
		if w.h.list[w.nodes[r.to].typ].kind != kindInt {
			continue
		}
		if n == 0 && !w.nodes[v.at].isBlock() {
			c := intCounter{w: w}
			w.h.visit(&c, w.nodes[v.at].addr, w.h.list[w.nodes[v.at].typ])
			n = c.n
		}
		r.Ints = n
	}
}

// intCounter counts references to ints.
type intCounter struct {
	w *Walk
	n int
}

func (c *intCounter) edge(_ edgeKind, to, _ uint64) {
	if t, err := c.w.h.typeOf(to); err == nil && t.kind == kindInt {
		c.n++
	}
}
func (c *intCounter) block(blockKind, uint64, uint64) {}
func (c *intCounter) wantType(*typeInfo) bool         { return false }

// inCode says whether node i is a code object, or a tuple or frozenset among the constants of one.
func (v *tracer) inCode(i int) bool {
	w := v.t.w
	for range maxReprDepth {
		if i < 0 || w.nodes[i].isBlock() {
			return false
		}
		switch t := w.h.list[w.nodes[i].typ]; t.kind {
		case kindCode:
			return true
		case kindTuple, kindSet:
			i = int(v.t.from[i])
		default:
			return false
		}
	}
	return false
}

func (v *tracer) edge(k edgeKind, to, arg uint64) {
	w := v.t.w
	s := w.h.view.find(to)
	if s == nil || to&7 != 0 || !w.marks.has(s, to) || k == edgeValue && v.at == v.t.root && v.without[to] {
		return
	}
	wanted := v.want.has(s, to)
	if !wanted && v.seen.has(s, to) {
		return
	}
	i, ok := w.exactly(to)
	if !ok {
		return
	}
	if wanted && !w.nodes[i].isBlock() {
		v.keep(i, to)
	}
	v.reach(s, i)
}

// keep notes a reference, once for each holder.
func (v *tracer) keep(i int, to uint64) {
	for j := v.first; j < len(v.t.refs); j++ {
		if v.t.refs[j].to == i {
			return
		}
	}
	if v.opt.Max > 0 && v.counts[to] >= v.opt.Max && !v.constant {
		return
	}
	v.counts[to]++
	w := v.t.w
	r := Reference{Holder: Addr(w.nodes[v.at].addr), To: Addr(to), Constant: v.constant, node: v.at, to: i}
	if !w.nodes[v.at].isBlock() {
		r.HolderType = w.h.nameOf(w.h.list[w.nodes[v.at].typ])
	}
	v.t.refs = append(v.t.refs, r)
}

func (v *tracer) reach(s *seg, i int) {
	if v.t.from[i] == unreached {
		v.t.from[i] = int32(v.at)
		v.seen.set(s, v.t.w.nodes[i].addr)
		v.queue = append(v.queue, i)
	}
}

func (v *tracer) block(_ blockKind, at, _ uint64) {
	if s := v.t.w.h.view.find(at); s != nil && at&7 == 0 && !v.seen.has(s, at) {
		if i, ok := v.t.w.exactly(at); ok {
			v.reach(s, i)
		}
	}
}

func (v *tracer) wantType(t *typeInfo) bool {
	first := !v.types[t]
	v.types[t] = true
	return first
}
