package pyheap

// graph is a directed graph of nodes 0 to n-1, the first of which is the root: the edges of node i
// are succ[first[i]:first[i+1]].
type graph struct {
	first []uint32
	succ  []uint32
}

// flow is a depth-first search of a graph from node 0, and the dominators that follow. Everything
// is in numbers of the search: node vertex[v] is the v-th that it came to.
type flow struct {
	vertex []uint32 // nodes in the order of the search
	number []uint32 // by node: its place there
	parent []uint32
	idom   []uint32 // of 1 and later: the nearest node that all paths from the root lead through
}

const unvisited = ^uint32(0)

// search numbers what the root reaches, depth first, and then what it does not, as if the root had
// an edge to the first node of that, and so on.
func search(g *graph) *flow {
	n := len(g.first) - 1
	f := &flow{number: make([]uint32, n), vertex: make([]uint32, 0, n), parent: make([]uint32, 0,
		n)}
	for i := range f.number {
		f.number[i] = unvisited
	}
	type frame struct{ node, next uint32 }
	visit := func(node, parent uint32) frame {
		f.number[node] = uint32(len(f.vertex))
		f.vertex, f.parent = append(f.vertex, node), append(f.parent, parent)
		return frame{node, g.first[node]}
	}
	stack := []frame{visit(0, 0)}
	for rest := 0; len(stack) > 0 || rest < n; {
		if len(stack) == 0 {
			if f.number[rest] == unvisited {
				stack = append(stack, visit(uint32(rest), 0))
			}
			rest++
			continue
		}
		top := &stack[len(stack)-1]
		if top.next == g.first[top.node+1] {
			stack = stack[:len(stack)-1]
			continue
		}
		to := g.succ[top.next]
		top.next++
		if f.number[to] == unvisited {
			stack = append(stack, visit(to, f.number[top.node]))
		}
	}
	return f
}

// dominators finds the immediate dominators by semidominators and nearest common ancestors
// (Georgiadis, "Linear-Time Algorithms for Dominators and Related Problems", 2005: SEMI-NCA).
func dominators(g *graph) *flow {
	f := search(g)
	n := uint32(len(f.vertex))
	first, pred := f.predecessors(g)
	semi, label := make([]uint32, n), make([]uint32, n)
	ancestor := append([]uint32(nil), f.parent...)
	for i := range semi {
		semi[i], label[i] = uint32(i), uint32(i)
	}
	var path []uint32
	// lowest gives the least semidominator on the way from v up to the part of the tree that is not
	// done, which begins below limit.
	lowest := func(v, limit uint32) uint32 {
		path = path[:0]
		for u := v; ancestor[u] > limit; u = ancestor[u] {
			path = append(path, u)
		}
		for i := len(path) - 1; i >= 0; i-- {
			u := path[i]
			a := ancestor[u]
			if label[a] < label[u] {
				label[u] = label[a]
			}
			ancestor[u] = ancestor[a]
		}
		return label[v]
	}
	for w := n - 1; w > 0 && n > 0; w-- {
		s := f.parent[w]
		for _, v := range pred[first[w]:first[w+1]] {
			if v > w {
				v = lowest(v, w)
			}
			s = min(s, v)
		}
		semi[w], label[w] = s, s
	}
	f.idom = ancestor // no longer needed
	copy(f.idom, f.parent)
	for w := uint32(1); w < n; w++ {
		d := f.idom[w]
		for d > semi[w] {
			d = f.idom[d]
		}
		f.idom[w] = d
	}
	return f
}

// predecessors turns the edges round, in numbers of the search.
func (f *flow) predecessors(g *graph) (first, pred []uint32) {
	n := len(f.vertex)
	first = make([]uint32, n+2)
	for _, node := range f.vertex {
		for _, to := range g.succ[g.first[node]:g.first[node+1]] {
			first[f.number[to]+2]++
		}
	}
	for i := 2; i < len(first); i++ {
		first[i] += first[i-1]
	}
	pred = make([]uint32, first[n+1])
	for v, node := range f.vertex {
		for _, to := range g.succ[g.first[node]:g.first[node+1]] {
			at := &first[f.number[to]+1]
			pred[*at] = uint32(v)
			*at++
		}
	}
	return first[:n+1], pred
}
