package image

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

// TestHostile changes one field of a sound head to an extreme value and makes
// the checksum right again: the checks behind the checksum must hold alone.
func TestHostile(t *testing.T) {
	raw := slurp(t, written(t, sample()))
	head := le.Uint64(raw[headerDesc+8:])
	values := []uint64{0, 1, 2, 7, 0x7f, 0xff, 0xffff, pageSize, 1 << 31, 1<<32 - 1, 1 << 46, 1 << 56, 1 << 63, ^uint64(0), ^uint64(0) - pageSize + 1,
		uint64(len(raw)), uint64(len(raw)) - 1, head, head + 1}
	for off := 0; off+8 <= int(head); off += 4 {
		for _, v := range values {
			for _, wide := range []bool{true, false} {
				b := append([]byte(nil), raw[:head]...)
				if wide {
					le.PutUint64(b[off:], v)
				} else {
					le.PutUint32(b[off:], uint32(v))
				}
				if got := string(b); got == string(raw[:head]) {
					continue
				}
				le.PutUint32(b[sumOff:], headSum(b))
				checkHostile(t, b, fmt.Sprintf("0x%x = 0x%x", off, v))
			}
		}
	}
}

// checkHostile parses a head as Open does and checks that whatever is let
// through can be used without harm.
func checkHostile(t *testing.T, head []byte, what string) {
	t.Helper()
	m := &Image{path: what}
	h, err := m.parseHeader(head)
	if err != nil || h.head != uint64(len(head)) || headSum(head) != h.sum {
		return
	}
	if m.parseHead(head, h) == nil {
		checkInvariants(t, m, what)
	}
}

func checkInvariants(t testing.TB, m *Image, what string) {
	t.Helper()
	memEnd, fileEnd := uint64(0), m.stdEnd
	for _, s := range m.Segments() {
		if s.Addr < memEnd || s.MemSize == 0 || s.MemSize < s.FileSize || s.Addr+s.MemSize > addrLimit || s.Addr+s.MemSize < s.Addr {
			t.Fatalf("%s: memory of %+v, the one before ends at 0x%x", what, s, memEnd)
		}
		memEnd = s.Addr + s.MemSize
		if s.FileSize == 0 {
			continue
		}
		if s.FileOff < fileEnd || s.FileOff+s.FileSize > m.size || s.FileOff%pageSize != s.Addr%pageSize {
			t.Fatalf("%s: file place of %+v", what, s)
		}
		fileEnd = s.FileOff + s.FileSize
	}
	for _, tab := range m.tables {
		if tab.off < fileEnd || tab.off+noteSpace(tab.size) > m.size || tab.size > MaxTable {
			t.Fatalf("%s: table %+v", what, tab)
		}
	}
}

// TestForged: files whose parts agree with each other, with a right checksum,
// but not with the format. Each needs several fields to be changed at once.
func TestForged(t *testing.T) {
	plain := sample()
	plain.Extra = nil
	for name, f := range map[string]struct {
		c     *Content
		forge func(*forgery)
	}{
		"bytes after the segments": {plain, func(f *forgery) { f.grow(pageSize) }},
		"bytes after the tables": {sample(), func(f *forgery) {
			f.grow(pageSize)
			p := f.phoff() + (f.phnum()-1)*phdrSize
			le.PutUint64(f.b[p+32:], le.Uint64(f.b[p+32:])+pageSize)
		}},
		"core notes that wrap around": {&Content{}, func(f *forgery) {
			f.b = f.b[:pageSize]
			f.set(headerDesc+16, pageSize)
			f.set(f.phoff()+phdrSize+32, 16-f.head())
		}},
		"a program header too few": {plain, func(f *forgery) { f.lessHead(phdrSize) }},
		"only one program header": {&Content{}, func(f *forgery) {
			le.PutUint16(f.b[56:], 1)
			f.set(headerDesc+8, f.head()-phdrSize)
		}},
		"no program headers": {&Content{}, func(f *forgery) {
			le.PutUint16(f.b[56:], 0)
			f.set(headerDesc+8, f.head()-2*phdrSize)
		}},
		"program headers before the file": {plain, func(f *forgery) {
			f.set(headerDesc+8, 160)
			f.set(32, 160-phdrSize*f.phnum())
		}},
		"no program header for the tables": {sample(), func(f *forgery) { f.lessHead(phdrSize) }},
		"first program header":             {plain, func(f *forgery) { f.b[f.phoff()+32] ^= 4 }},
		"last program header":              {sample(), func(f *forgery) { f.b[f.phoff()+(f.phnum()-1)*phdrSize+32] ^= 4 }},
		"head of 10 bytes":                 {plain, func(f *forgery) { f.set(headerDesc+8, 10) }},
		"head of 0 bytes":                  {plain, func(f *forgery) { f.set(headerDesc+8, 0) }},
		"file smaller than its head":       {plain, func(f *forgery) { f.set(headerDesc+16, f.head()-1) }},
		"gap before the program headers": {&Content{}, func(f *forgery) {
			at, head := f.phoff(), f.head()
			copy(f.b[at+8:head+8], append([]byte(nil), f.b[at:head]...))
			f.set(32, at+8)
			f.set(headerDesc+8, head+8)
			f.set(at+8+phdrSize+8, head+8)
			f.set(at+8+phdrSize+32, 0)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			forged := &forgery{b: slurp(t, written(t, f.c))}
			f.forge(forged)
			if n := forged.head(); n > sumOff+4 && n <= uint64(len(forged.b)) {
				le.PutUint32(forged.b[sumOff:], headSum(forged.b[:n]))
			}
			var fe *FormatError
			if m, err := Open(dump(t, forged.b)); m != nil || !errors.As(err, &fe) {
				t.Errorf("%v, %v", m, err)
			} else {
				t.Log(err)
			}
		})
	}
}

// TestHugeHead: a file that is mostly a hole must not make Open ask for the
// memory that it claims to need.
func TestHugeHead(t *testing.T) {
	f := &forgery{b: slurp(t, written(t, sample()))}
	f.set(headerDesc+8, 1<<41)
	f.set(headerDesc+16, 1<<42)
	path := dump(t, f.b)
	if err := os.Truncate(path, 1<<42); err != nil {
		t.Skipf("no such large files here: %v", err)
	}
	var fe *FormatError
	if m, err := Open(path); m != nil || !errors.As(err, &fe) {
		t.Errorf("%v, %v", m, err)
	}
}

// forgery is an image in the making.
type forgery struct{ b []byte }

func (f *forgery) set(off, v uint64) { le.PutUint64(f.b[off:], v) }
func (f *forgery) head() uint64      { return le.Uint64(f.b[headerDesc+8:]) }
func (f *forgery) phoff() uint64     { return le.Uint64(f.b[32:]) }
func (f *forgery) phnum() uint64     { return uint64(le.Uint16(f.b[56:])) }

// grow appends n bytes that no part of the format accounts for.
func (f *forgery) grow(n uint64) {
	f.b = append(f.b, make([]byte, n)...)
	f.set(headerDesc+16, uint64(len(f.b)))
}

// lessHead cuts the last program header off the head.
func (f *forgery) lessHead(n uint64) {
	le.PutUint16(f.b[56:], uint16(f.phnum()-1))
	f.set(headerDesc+8, f.head()-n)
	f.set(f.phoff()+phdrSize+8, f.head())
}
