package procmem

import (
	"errors"
	"strings"
	"testing"
)

// paged is memory of a few pages from address 4096 on.
type paged []byte

func (m paged) ReadAt(b []byte, a Addr) (int, error) {
	if a < 4096 || uint64(a)-4096+uint64(len(b)) > uint64(len(m)) {
		return 0, errors.New("not there")
	}
	return copy(b, m[a-4096:]), nil
}

// TestCString reads strings within a page, over its end, up to the end of memory, and without end.
func TestCString(t *testing.T) {
	m := make(paged, 3*4096)
	for i := range m {
		m[i] = 'x'
	}
	copy(m[10:], "short\x00")
	copy(m[4090:], "over the end\x00")
	m[2*4096-1] = 0
	for _, c := range []struct {
		at   Addr
		most int
		want string
		ok   bool
	}{
		{4096 + 10, 100, "short", true}, {4096 + 15, 100, "", true},
		{4096 + 4090, 100, "over the end", true},
		{4096 + 5000, 5000, strings.Repeat("x", 2*4096-1-5000), true},
		{4096 + 2*4096, 100000, "", false}, {4096 + 2*4096, 4096, "", false}, {0, 100, "", false},
	} {
		if got, ok := CString(m, c.at, c.most); got != c.want || ok != c.ok {
			t.Errorf("at %v: %q, %v, want %q", c.at, got, ok, c.want)
		}
	}
}
