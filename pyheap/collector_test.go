package pyheap

import (
	"encoding/binary"
	"testing"
)

// TestCollector compares what is read with what the interpreter itself says.
func TestCollector(t *testing.T) {
	for _, python := range pythons(t) {
		for enabled, script := range map[int32]string{
			0: "import gc; gc.collect(); gc.disable(); x = [[] for i in range(300)]; " +
				"print('READY', flush=True); input()",
			1: "import gc; gc.set_threshold(9999); gc.collect(); x = [[] for i in range(300)]; " +
				"print('READY', flush=True); input()",
		} {
			live, in, lay := interpreter(t, run(t, python, "-c", script))
			r, err := NewStateReader(in, lay)
			if err != nil {
				t.Fatal(err)
			}
			c, ok := r.Collector(live)
			on, err := readI32(live, c.Enabled)
			count, err2 := readI32(live, c.Count)
			if !ok || err != nil || err2 != nil || on != enabled || count < 300 || count > 600 {
				t.Fatalf("%s: %+v %v: enabled %d, %d allocations; %v %v", python, c, ok, on, count, err, err2)
			}
			// The list leads through its objects back to its head.
			n, at := 0, c.Young
			for {
				var b [8]byte
				if _, err := live.ReadAt(b[:], at); err != nil {
					t.Fatal(err)
				}
				if at = Addr(binary.LittleEndian.Uint64(b[:]) &^ 3); at == c.Young || n > 1<<20 {
					break
				}
				n++
			}
			if n < 300 || n > 1<<16 {
				t.Errorf("%s: %d objects in the youngest generation", python, n)
			}
		}
	}
}
