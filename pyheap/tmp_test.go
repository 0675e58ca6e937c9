package pyheap

import "testing"

func TestTmp(t *testing.T) {
	tg := hg(t)
	w := tg.walk(t)
	k := 0
	tg.heap.alloc.eachLive(func(a, size uint64) {
		if _, ok := w.nodeAround(a); !ok {
			if n, err := tg.heap.TypeName(Addr(a)); err == nil && n == "builtins.str" {
				r, _ := tg.heap.view.u64(a)
				b, _ := tg.heap.view.bytes(a, size)
				// who points to it
				var refs []uint64
				for i := range tg.heap.view.segs {
					s := &tg.heap.view.segs[i]
					if !s.write {
						continue
					}
					for x := s.start; x+8 <= s.end; x += 8 {
						if le64(s.data, x-s.start) == a {
							refs = append(refs, x)
						}
					}
				}
				if k++; k < 25 {
					t.Logf("%x %d rc=%x %q", a, size, r, b[:48])
					for _, x := range refs {
						i, ok := w.nodeAround(x)
						st, sz, live, in := tg.heap.alloc.block(x)
						s := tg.heap.view.find(x)
						t.Logf("       at %x node %v,%v  block %x %d %v %v %s %s", x, i, ok, st, sz, live, in, s.path, tg.heap.staticLabel(x))
					}
				}
			}
		}
	})
}
