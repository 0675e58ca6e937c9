package pyheap

import (
	"fmt"
	"strings"
	"testing"
)

// holders are the objects of testdata/holders.py: whether only frames hold them, and the path that
// must lead to them (a part of it where it differs between versions).
var holders = map[string]struct {
	frames bool
	path   string
}{
	"table":      {false, "sys.modules['__main__'].table['db'].sock"},
	"slotted":    {false, "sys.modules['__main__'].slotted.sock"},
	"nested":     {false, "sys.modules['__main__'].nested[0]['k'][0]"},
	"gen":        {false, "local 'held'"},
	"func":       {false, "sys.modules['__main__'].func.__closure__[0].cell_contents"},
	"queue":      {false, "sys.modules['__main__'].queue[0]"},
	"cls":        {false, "sys.modules['__main__'].cls.sock"},
	"default":    {false, "sys.modules['__main__'].default.__defaults__[0]"},
	"subclass":   {false, "sys.modules['__main__'].subclass"},
	"opened":     {false, "sys.modules['__main__'].opened.raw"},
	"mapped":     {false, "sys.modules['__main__'].mapped.map"},
	"stdin":      {false, "sys.modules['sys']."},
	"only_local": {true, "testdata/holders.py:78, local 'only_local'"},
	"poller":     {true, "testdata/holders.py:78, local 'poller'"},
	"from_queue": {true, "testdata/holders.py:78, local 'from_queue'"},
	"cell":       {true, "testdata/holders.py:78, local 'cell'"},
	"in_thread":  {true, "testdata/holders.py:61, local 'in_thread'"},
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
				if h := holders[name]; o.FramesOnly != h.frames || !strings.Contains(w.Path(o.Addr), h.path) {
					t.Errorf("%s: FramesOnly %v, path %q; want %v, %q", name, o.FramesOnly, w.Path(o.Addr), h.frames, h.path)
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
