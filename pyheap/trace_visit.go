package pyheap

// tracer visits what a trace reaches.
type tracer struct {
	t       *Trace
	opt     TraceOptions
	without map[uint64]bool
	queue   []int
	types   []bool
	counts  map[uint64]int // references kept, by object

	at       int // the node being visited
	constant bool
	first    int // of its references
	ints     int
}

func (v *tracer) run() error {
	w := v.t.w
	for next := 0; next < len(v.queue); next++ {
		v.at, v.first, v.ints = v.queue[next], len(v.t.refs), 0
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
		for i := v.first; i < len(v.t.refs); i++ {
			v.t.refs[i].Ints = v.ints
		}
		if w.h.exhausted() {
			return &BudgetError{Nodes: len(v.queue)}
		}
	}
	return nil
}

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
	if k == edgeValue && v.at == v.t.root && v.without[to] {
		return
	}
	i, ok := v.t.w.exactly(to)
	if !ok {
		return
	}
	n := &v.t.w.nodes[i]
	if !n.isBlock() {
		if v.t.w.h.list[n.typ].kind == kindInt {
			v.ints++
		}
		if v.opt.Want[Addr(to)] {
			v.keep(i, to)
		}
	}
	v.reach(i)
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

func (v *tracer) reach(i int) {
	if v.t.from[i] == unreached {
		v.t.from[i] = int32(v.at)
		v.queue = append(v.queue, i)
	}
}

func (v *tracer) block(_ blockKind, at, _ uint64) {
	if i, ok := v.t.w.exactly(at); ok {
		v.reach(i)
	}
}

func (v *tracer) wantType(t *typeInfo) bool {
	first := !v.types[t.index]
	v.types[t.index] = true
	return first
}
