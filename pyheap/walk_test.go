package pyheap

import (
	"fmt"
	"testing"
)

// TestWalkFindsEverything compares the walk with what the interpreter says of itself.
func TestWalkFindsEverything(t *testing.T) {
	tg := start(t, python311, testdata("census.py"))
	w := tg.walk(t)
	missing, badType, badSize, n := 0, 0, 0, 0
	for _, line := range tg.lines {
		var a, size uint64
		var name string
		if _, err := fmt.Sscanf(line, "%x %s %d", &a, &name, &size); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		n++
		o, ok := w.Find(Addr(a))
		if !ok {
			if missing++; missing < 20 {
				t.Errorf("not found: %s", line)
			}
			continue
		}
		if o.TypeName != name {
			if badType++; badType < 20 {
				t.Errorf("%s: type is %s", line, o.TypeName)
			}
		}
		if o.Size != size {
			if badSize++; badSize < 40 {
				t.Errorf("%s: size is %d", line, o.Size)
			}
		}
	}
	t.Logf("%d objects in the target, %d in the walk; %d missing, %d of another type, %d of another size",
		n, w.Objects(), missing, badType, badSize)
}
