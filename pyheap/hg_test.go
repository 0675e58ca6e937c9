package pyheap

import (
	"os"
	"testing"
	"time"
)

// hg is a program of a real size: mercurial's command server with everything loaded.
func hg(t testing.TB) *target {
	t.Helper()
	if _, err := os.Stat("/usr/bin/hg"); err != nil {
		t.Skip("mercurial is not installed")
	}
	return start(t, python311, testdata("hgserver.py"))
}

func TestHgWalk(t *testing.T) {
	tg := hg(t)
	begin := time.Now()
	w := tg.walk(t)
	took := time.Since(begin)
	blocks, reached := 0, 0
	tg.heap.alloc.eachLive(func(a, size uint64) {
		blocks++
		if _, ok := w.nodeAround(a); ok {
			reached++
		}
	})
	t.Logf("%d objects, %d nodes in %v; %d of %d live pymalloc blocks attributed; first from frames %d, gc %d",
		w.Objects(), len(w.nodes), took, reached, blocks, len(w.nodes)-w.framesFrom, len(w.nodes)-w.gcFrom)
	for i, c := range w.ByType() {
		if i < 25 {
			t.Logf("%8d %10d %s", c.Count, c.Bytes, c.Name)
		}
	}
	counts := map[string]int{}
	tg.heap.alloc.eachLive(func(a, size uint64) {
		if _, ok := w.nodeAround(a); !ok {
			name := "?"
			for _, d := range []Addr{0, 16, 32} {
				if n, err := tg.heap.TypeName(Addr(a) + d); err == nil {
					name = n
				}
			}
			counts[name]++
		}
	})
	t.Log(counts)
}

func BenchmarkWalkHg(b *testing.B) {
	tg := hg(b)
	n := 0
	for b.Loop() {
		n = tg.walk(b).Objects()
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mobjects/s")
}

func BenchmarkOpenHg(b *testing.B) {
	tg := hg(b)
	for b.Loop() {
		if _, err := Open(tg.heap.sp, tg.heap.in, tg.heap.lay); err != nil {
			b.Fatal(err)
		}
	}
}
