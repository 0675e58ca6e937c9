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

// TestHgWalk checks that nearly every block that pymalloc handed out is accounted for: what is not is
// held by the C stack, or by libraries through pointers that are no plain addresses.
func TestHgWalk(t *testing.T) {
	tg := hg(t)
	begin := time.Now()
	w := tg.walk(t)
	took := time.Since(begin)
	blocks, found := 0, 0
	tg.heap.alloc.eachLive(func(a, size uint64) {
		blocks++
		if _, ok := w.nodeAround(a); ok {
			found++
		}
	})
	t.Logf("%d objects in %v; %d of %d blocks accounted for", w.Objects(), took, found, blocks)
	if w.Objects() < 150000 || float64(found) < 0.999*float64(blocks) {
		t.Errorf("%d objects; %d of %d blocks accounted for", w.Objects(), found, blocks)
	}
	sum := 0
	for _, c := range w.ByType() {
		sum += c.Count
	}
	if sum != w.Objects() {
		t.Errorf("the census has %d objects, the walk %d", sum, w.Objects())
	}
	a := mustLookup(t, tg.heap, "mercurial.pycompat.sysargv")
	if o, ok := w.Find(a); !ok || o.TypeName != "builtins.list" || w.Path(a) != "sys.modules['mercurial.pycompat'].sysargv" {
		t.Errorf("sysargv is %+v, path %q", o, w.Path(a))
	}
	if n := len(w.OfType("mercurial.ui.ui")); n != 1 {
		t.Errorf("%d objects of mercurial.ui.ui, want 1", n)
	}
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
