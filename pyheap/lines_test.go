package pyheap

import "testing"

// An instruction without a line, such as the jump back at the end of a loop, has that of the one
// before it.
func TestInstructionWithoutLine(t *testing.T) {
	// A line, none, and the next line but one, for two bytes of code each.
	new, old := []byte{0x80, 0, 0xf8, 0xd8 | 4, 0}, []byte{2, 1, 2, 0x80, 2, 2}
	for at, want := range map[int64]int{0: 5, 2: 5} {
		if got := lineInLocations(new, 5, at); got != want {
			t.Errorf("3.11: line %d at %d, want %d", got, at, want)
		}
		if got := lineInLinetable(old, 4, at); got != want {
			t.Errorf("3.10: line %d at %d, want %d", got, at, want)
		}
	}
	if got := lineInLinetable(old, 4, 4); got != 7 {
		t.Errorf("3.10: line %d behind it, want 7", got)
	}
	if lineInLocations(new[:1], 5, 100) != 0 || lineInLinetable(old, 4, 100) != 0 {
		t.Error("there is a line behind the table")
	}
}
