package snapshot

import (
	"errors"
	"slices"
	"testing"

	"pyfreeze/procmem"
)

// counted is memory of three pages from 0x10000 on that counts how often it is read.
type counted struct {
	mem   []byte
	reads int
}

func (c *counted) ReadAt(b []byte, at procmem.Addr) (int, error) {
	c.reads++
	off := int(at) - 0x10000
	if off < 0 || off >= len(c.mem) {
		return 0, &procmem.ReadError{Addr: at, Len: uint64(len(b)), Err: procmem.ErrUnmapped}
	}
	n := copy(b, c.mem[off:])
	if n < len(b) {
		return n, &procmem.ReadError{Addr: at + procmem.Addr(n), Len: uint64(len(b) - n), Err: procmem.ErrUnmapped}
	}
	return n, nil
}

// TestPages reads memory over and again: once from the process until it has run, and what it has
// now afterwards; and what can be read of a page that ends early.
func TestPages(t *testing.T) {
	c := &counted{mem: make([]byte, 2*pageSize+100)}
	for i := range c.mem {
		c.mem[i] = byte(i * 7)
	}
	p := newPages(c)
	read := func(at, n int) []byte {
		t.Helper()
		b := make([]byte, n)
		if got, err := p.ReadAt(b, procmem.Addr(0x10000+at)); err != nil || got != n {
			t.Fatalf("%d bytes at %d: %d, %v", n, at, got, err)
		}
		return b
	}
	for _, r := range [][2]int{{0, 8}, {8, 100}, {4090, 20}, {1, 2*pageSize - 1}} {
		if got, want := read(r[0], r[1]), c.mem[r[0]:r[0]+r[1]]; !slices.Equal(got, want) {
			t.Errorf("%v: %v, want %v", r, got, want)
		}
	}
	if c.reads != 2 {
		t.Errorf("two pages took %d reads", c.reads)
	}
	if got := read(2*pageSize, 100); !slices.Equal(got, c.mem[2*pageSize:]) {
		t.Errorf("the last, short page: %v", got)
	}
	b := make([]byte, 60)
	n, err := p.ReadAt(b, procmem.Addr(0x10000+2*pageSize+50))
	var short *procmem.ReadError
	if n != 50 || !errors.As(err, &short) || short.Addr != procmem.Addr(0x10000+2*pageSize+100) {
		t.Errorf("behind the end: %d, %v", n, err)
	}
	c.mem[3]++
	if read(3, 1)[0] == c.mem[3] {
		t.Error("a page that was read was read again before the process has run")
	}
	p.forget()
	if read(3, 1)[0] != c.mem[3] {
		t.Error("the process has run, and its page is the old one")
	}
}
