package pyheap

import (
	"fmt"
	"strings"
	"testing"
)

// holders are the objects of testdata/holders.py: what holds them, and the path that
// must lead to them (a part of it where it differs between versions).
var holders = map[string]struct {
	reach Reach
	path  string
}{
	"table":      {ReachRoots, "sys.modules['__main__'].table['db'].sock"},
	"slotted":    {ReachRoots, "sys.modules['__main__'].slotted.sock"},
	"nested":     {ReachRoots, "sys.modules['__main__'].nested[0]['k'][0]"},
	"gen":        {ReachRoots, "local 'held'"},
	"func":       {ReachRoots, "sys.modules['__main__'].func.__closure__[0].cell_contents"},
	"queue":      {ReachRoots, "sys.modules['__main__'].queue[0]"},
	"cls":        {ReachRoots, "sys.modules['__main__'].cls.sock"},
	"default":    {ReachRoots, "sys.modules['__main__'].default.__defaults__[0]"},
	"subclass":   {ReachRoots, "sys.modules['__main__'].subclass"},
	"opened":     {ReachRoots, "sys.modules['__main__'].opened.raw"},
	"mapped":     {ReachRoots, "sys.modules['__main__'].mapped.map"},
	"stdin":      {ReachRoots, "sys.modules['sys']."},
	"guessed":    {ReachGuess, "sys.modules['__main__'].opaque"},
	"stale":      {ReachFrames, "testdata/holders.py:90, local 'stale'"},
	"only_local": {ReachFrames, "testdata/holders.py:90, local 'only_local'"},
	"poller":     {ReachFrames, "testdata/holders.py:90, local 'poller'"},
	"from_queue": {ReachFrames, "testdata/holders.py:90, local 'from_queue'"},
	"cell":       {ReachFrames, "testdata/holders.py:90, local 'cell'"},
	"in_thread":  {ReachFrames, "testdata/holders.py:70, local 'in_thread'"},
}

// TestHolders checks which objects only abandoned frames hold, the paths, and the descriptors.
func TestHolders(t *testing.T) {
	for _, python := range pythons(t) {
		t.Run(strings.ReplaceAll(python, "/", "_"), func(t *testing.T) {
			tg := start(t, python, testdata("holders.py"))
			w := tg.walk(t)
			want := map[Addr]int{} // descriptors of all
			for _, line := range tg.lines {
				var name string
				var a uint64
				var fd int
				if _, err := fmt.Sscanf(line, "%s 0x%x %d", &name, &a, &fd); err != nil {
					t.Fatalf("%q: %v", line, err)
				}
				want[Addr(a)] = fd
				o, ok := w.Find(Addr(a))
				if !ok {
					t.Errorf("%s was not found", name)
					continue
				}
				if h := holders[name]; o.Reach != h.reach || o.FramesOnly != (h.reach == ReachFrames) || !strings.Contains(w.Path(o.Addr), h.path) {
					t.Errorf("%s: reach %v, path %q; want %v, %q", name, o.Reach, w.Path(o.Addr), h.reach, h.path)
				}
				if got, err := tg.heap.Descriptor(o.Addr); got != fd || err != nil {
					t.Errorf("%s: descriptor %d (%v), want %d", name, got, err, fd)
				}
			}
			if len(want) != len(holders) {
				t.Errorf("the target told of %d objects, want %d", len(want), len(holders))
			}
			for _, typ := range DescriptorTypes() {
				for _, o := range w.OfType(typ) {
					delete(want, o.Addr)
				}
			}
			for a := range want {
				t.Errorf("%s is in no list of OfType", a)
			}
		})
	}
}
