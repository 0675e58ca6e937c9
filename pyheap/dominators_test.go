package pyheap

import (
	"math/rand"
	"testing"
)

// slowDominator gives the immediate dominator of a node by taking every other away in turn.
func slowDominator(g *graph, node uint32) uint32 {
	n := uint32(len(g.first) - 1)
	reaches := func(without uint32) []bool {
		seen := make([]bool, n)
		if without == 0 {
			return seen
		}
		todo := []uint32{0}
		seen[0] = true
		for len(todo) > 0 {
			at := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			for _, to := range g.succ[g.first[at]:g.first[at+1]] {
				if to != without && !seen[to] {
					seen[to] = true
					todo = append(todo, to)
				}
			}
		}
		return seen
	}
	var all []uint32 // that dominate it
	for d := range n {
		if d != node && !reaches(d)[node] {
			all = append(all, d)
		}
	}
	for _, d := range all { // the nearest is the one that all others dominate
		nearest := true
		for _, e := range all {
			nearest = nearest && (e == d || !reaches(e)[d])
		}
		if nearest {
			return d
		}
	}
	return unvisited
}

func randomGraph(r *rand.Rand) *graph {
	n := 1 + r.Intn(30)
	edges := r.Intn(3*n + 1)
	out := make([][]uint32, n)
	for range edges {
		from := r.Intn(n)
		out[from] = append(out[from], uint32(r.Intn(n)))
	}
	if r.Intn(2) == 0 { // a long chain, with short cuts
		for i := range n - 1 {
			out[i] = append(out[i], uint32(i+1))
		}
	}
	g := &graph{first: []uint32{0}}
	// The search gives the root an edge to what it does not reach: the reference needs it, too.
	seen := make([]bool, n)
	var reach func(i uint32)
	reach = func(i uint32) {
		if !seen[i] {
			seen[i] = true
			for _, to := range out[i] {
				reach(to)
			}
		}
	}
	reach(0)
	for i := range seen {
		if !seen[i] {
			out[0] = append(out[0], uint32(i))
			reach(uint32(i))
		}
	}
	for _, o := range out {
		g.succ = append(g.succ, o...)
		g.first = append(g.first, uint32(len(g.succ)))
	}
	return g
}

// TestDominators compares the dominators of random graphs with those of the definition.
func TestDominators(t *testing.T) {
	r := rand.New(rand.NewSource(7))
	for try := range 3000 {
		g := randomGraph(r)
		f := dominators(g)
		for v := 1; v < len(f.vertex); v++ {
			got, want := f.vertex[f.idom[v]], slowDominator(g, f.vertex[v])
			if got != want {
				t.Fatalf("graph %d %+v: the dominator of %d is %d, not %d", try, g, f.vertex[v],
					got, want)
			}
		}
		for i, n := range f.number {
			if n != unvisited && f.vertex[n] != uint32(i) {
				t.Fatalf("graph %d: node %d has the number %d of node %d", try, i, n, f.vertex[n])
			}
		}
	}
}
