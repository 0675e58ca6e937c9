package image

import (
	"bytes"
	"cmp"
	"debug/elf"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

func TestRoundTrip(t *testing.T) {
	c := sample()
	path := written(t, c)
	m := opened(t, path)
	checkBytes(t, "program", m.Program(), c.Program)
	checkBytes(t, "guards", m.Guards(), c.Guards)
	raw := slurp(t, path)
	checkBytes(t, "program in the file", raw[programOff:programOff+len(c.Program)], c.Program)
	for _, e := range c.Extra {
		got, err := m.Extra(e.Type)
		if err != nil {
			t.Fatal(err)
		}
		checkBytes(t, "table", got, e.Data)
	}
	if _, err := m.Extra(99); !errors.Is(err, ErrNoTable) {
		t.Errorf("missing table: %v", err)
	}
	if m.Mode() != 0o600 || m.UID() != uint32(os.Getuid()) || m.Size() != uint64(len(raw)) || m.Path() != path {
		t.Errorf("mode %v, uid %d, size %d, path %s", m.Mode(), m.UID(), m.Size(), m.Path())
	}
	checkSegments(t, m, c, raw)
	if err := m.Verify(nil); err != nil {
		t.Error(err)
	}
	plan, err := Plan(c)
	if err != nil || !slices.Equal(plan, m.Segments()) {
		t.Errorf("Plan = %v, %v; Segments = %v", plan, err, m.Segments())
	}
}

// checkSegments compares a file's segments with c's, and what mmap of whole
// pages would show around them.
func checkSegments(t *testing.T, m *Image, c *Content, raw []byte) {
	t.Helper()
	want := slices.Clone(c.Segments)
	slices.SortFunc(want, func(a, b Segment) int { return cmp.Compare(a.Addr, b.Addr) })
	if len(m.Segments()) != len(want) {
		t.Fatalf("%d segments, want %d", len(m.Segments()), len(want))
	}
	for i, s := range m.Segments() {
		w := want[i]
		if s.Addr != w.Addr || s.MemSize != max(w.MemSize, uint64(len(w.Data))) || s.Flags != w.Flags || s.InspectOnly != w.InspectOnly {
			t.Errorf("segment %+v, want %+v", s, w)
		}
		if s.FileSize != uint64(len(w.Data)) || s.FileOff%pageSize != s.Addr%pageSize {
			t.Errorf("segment 0x%x: 0x%x bytes at 0x%x", s.Addr, s.FileSize, s.FileOff)
		}
		if s.FileSize == 0 {
			continue
		}
		end := s.FileOff + s.FileSize
		checkBytes(t, "segment data", raw[s.FileOff:end], w.Data)
		if !zero(raw[pageDown(s.FileOff):s.FileOff]) || !zero(raw[end:pageUp(end)]) {
			t.Errorf("segment 0x%x: its pages hold other bytes", s.Addr)
		}
	}
}

func TestWriteProgress(t *testing.T) {
	c := &Content{
		Segments: []Segment{{Addr: 0x10000, Data: noise(1, 5<<20)}, {Addr: 0x1000000, Data: make([]byte, 3<<20)}},
		Extra:    []Note{{Type: 1, Data: noise(2, 1<<20)}},
	}
	var last, calls uint64
	err := Write(filepath.Join(t.TempDir(), "i"), c, func(done, total uint64) {
		if done < last || total != 9<<20 {
			t.Errorf("progress(%d, %d) after %d", done, total, last)
		}
		last = done
		calls++
	})
	if err != nil || last != 9<<20 || calls < 6 {
		t.Errorf("%v; done %d in %d calls", err, last, calls)
	}
}

func TestSparse(t *testing.T) {
	data := make([]byte, 64<<20)
	copy(data[20<<20:], "something")
	path := written(t, &Content{Segments: []Segment{{Addr: 0x10000000, Data: data}}})
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	if st.Blocks*512 > 1<<20 {
		t.Errorf("%d bytes on disk for one page of data", st.Blocks*512)
	}
	if err := opened(t, path).Verify(nil); err != nil {
		t.Error(err)
	}
}

// TestNextRun: whatever the pattern of zero pages and the offset, the runs
// cover every byte that is not zero, in order.
func TestNextRun(t *testing.T) {
	for seed := uint64(0); seed < 300; seed++ {
		r := noise(seed, 64)
		front := int(r[0]) * 16 % pageSize
		data := make([]byte, int(r[1])%12*pageSize+int(r[2])*16)
		for i := range data {
			if page := (front + i) / pageSize; r[3+page%60]&3 == 0 {
				data[i] = 1 // a page of ones, of four
			}
		}
		got := make([]byte, len(data))
		for pos, n := 0, 0; pos < len(data); n++ {
			start, end := nextRun(data, pos, front)
			if start < pos || end < start || end > len(data) || n > len(data) {
				t.Fatalf("seed %d: run %d:%d from %d of %d", seed, start, end, pos, len(data))
			}
			if start > pos && start < len(data) && (front+start)%pageSize != 0 || end < len(data) && (front+end)%pageSize != 0 {
				t.Fatalf("seed %d: run %d:%d with offset %d does not end at pages", seed, start, end, front)
			}
			if bytes.HasSuffix(data[start:end], zeroPage[:]) {
				t.Fatalf("seed %d: run %d:%d ends in zeros", seed, start, end)
			}
			copy(got[start:end], data[start:end])
			pos = end
		}
		checkBytes(t, "data put together", got, data)
	}
}

func TestBadContent(t *testing.T) {
	page := make([]byte, pageSize)
	for name, change := range map[string]func(*Content){
		"overlap":        func(c *Content) { c.Segments[0].Addr = c.Segments[1].Addr + pageSize },
		"empty":          func(c *Content) { c.Segments = append(c.Segments, Segment{Addr: 0x1000}) },
		"wraps":          func(c *Content) { c.Segments[0].Addr = ^uint64(0) - 10 },
		"kernel":         func(c *Content) { c.Segments[0].Addr = 0xffffffffff600000 },
		"memsize":        func(c *Content) { c.Segments[0].MemSize = 10 },
		"huge memsize":   func(c *Content) { c.Segments[0].MemSize = ^uint64(0) },
		"flags":          func(c *Content) { c.Segments[0].Flags = 0x100 },
		"auxv":           func(c *Content) { c.Auxv = page[:17] },
		"mapping":        func(c *Content) { c.Files[0].End = 0 },
		"path":           func(c *Content) { c.Files[0].Path = "a\x00b" },
		"table type":     func(c *Content) { c.Extra[0].Type = MaxTableType + 1 },
		"two tables":     func(c *Content) { c.Extra[0].Type = 3 },
		"head too large": func(c *Content) { c.Guards = make([]byte, MaxHead) },
		"too many": func(c *Content) {
			for i := range maxLoads {
				c.Segments = append(c.Segments, Segment{Addr: uint64(1+i) << 48, MemSize: 1, Flags: elf.PF_R})
			}
		},
	} {
		c := sample()
		change(c)
		dir := t.TempDir()
		err := Write(filepath.Join(dir, "i"), c, nil)
		var we *WriteError
		var ce *ContentError
		if !errors.As(err, &we) || !errors.As(err, &ce) {
			t.Errorf("%s: %v", name, err)
		}
		checkEmpty(t, dir)
	}
}

// TestManySegments: as many as fit are written and read back.
func TestManySegments(t *testing.T) {
	c := &Content{}
	for i := range maxLoads {
		c.Segments = append(c.Segments, Segment{Addr: uint64(1+i) * pageSize, MemSize: 1})
	}
	if m := opened(t, written(t, c)); len(m.Segments()) != maxLoads {
		t.Errorf("%d segments", len(m.Segments()))
	}
}

// TestWriteTime: 33 MB, an hg with its modules, in well under a second.
func TestWriteTime(t *testing.T) {
	data := noise(1, 33<<20)
	dir := t.TempDir()
	start := time.Now()
	if err := Write(filepath.Join(dir, "i"), &Content{Segments: []Segment{{Addr: 0x10000000, Data: data}}}, nil); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("33 MB took %v", d)
	} else {
		t.Logf("33 MB took %v", d)
	}
}

// pieces fills in the data of a segment where it is asked for, and takes it away again.
type pieces struct {
	data, all []byte
	most      uint64
	fails     bool
}

func (p *pieces) Have(off, n uint64) error {
	if p.fails && off > 0 {
		return errors.New("it is gone")
	}
	p.most = max(p.most, n)
	copy(p.data[off:off+n], p.all[off:])
	return nil
}

func (p *pieces) Done(off, n uint64) { clear(p.data[off : off+n]) }

// A segment that comes piece by piece is written as one that is there as a whole. Where a piece
// cannot be had there is no image.
func TestWritePieces(t *testing.T) {
	for _, addr := range []uint64{0x10000, 0x10010} {
		all := append(noise(1, 3<<20), make([]byte, 1<<20)...)
		all = append(all, noise(2, 1<<20+77)...)
		c := sample()
		c.Segments = []Segment{{Addr: addr, Data: all, Flags: elf.PF_R}}
		want := slurp(t, written(t, c))
		p := &pieces{data: make([]byte, len(all)), all: all}
		c.Segments[0].Data, c.Segments[0].Source = p.data, p
		checkBytes(t, "the image", slurp(t, written(t, c)), want)
		if p.most > 2<<20 {
			t.Errorf("%d bytes were asked for at once", p.most)
		}
		p.fails = true
		path := filepath.Join(t.TempDir(), "image")
		var failed *WriteError
		if err := Write(path, c, nil); !errors.As(err, &failed) {
			t.Errorf("with a piece that is gone: %v", err)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("there is an image nevertheless: %v", err)
		}
	}
}
