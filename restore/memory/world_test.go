package memory

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"pyfreeze/image"
	"pyfreeze/procmem"
	"pyfreeze/restore/stub"
)

// world is the memory that the stub places, as a model: what it would do with the steps is done to
// pages of ours.
type world struct {
	t      *testing.T
	m      *Memory
	image  []byte
	tables []byte
	file   []byte // opened last
	pages  map[uint64][]byte
	prot   map[uint64]uint32
	advice map[uint64][]uint32 // by the start of what was advised
}

// place makes an image of the memory, and does all steps.
func place(t *testing.T, m *Memory) *world {
	t.Helper()
	c := &image.Content{Segments: m.Segments()}
	where, err := image.Plan(c)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "image")
	if err := image.Write(path, c, nil); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, m: m, pages: map[uint64][]byte{}, prot: map[uint64]uint32{},
		advice: map[uint64][]uint32{}}
	if w.image, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	tables := &stub.Tables{}
	ops := m.Steps(tables, where)
	h := stub.Head{}
	if _, w.tables, err = stub.ReadProgram(h.Program(tables)); err != nil {
		t.Fatal(err)
	}
	if len(m.Steps(&stub.Tables{}, nil)) < len(ops) {
		t.Error("there are fewer steps while nobody knows where segments lie: the tables have no room")
	}
	for i := range ops {
		w.step(&ops[i])
	}
	return w
}

// step does one step.
func (w *world) step(o *stub.Op) {
	switch o.Kind {
	case stub.OpOpen:
		w.open(o)
	case stub.OpFile:
		for off := uint64(0); off < o.Len; off += page {
			p := make([]byte, page)
			if at := o.Off + off; at < uint64(len(w.file)) {
				copy(p, w.file[at:])
			}
			w.put(o.Addr+off, p, o.Prot, false)
		}
	case stub.OpAnon:
		for off := uint64(0); off < o.Len; off += page {
			w.put(o.Addr+off, make([]byte, page), o.Prot, false)
		}
	case stub.OpImage:
		for off := uint64(0); off < o.Len; off += page {
			w.put(o.Addr+off, w.image[o.Off+off:o.Off+off+page], o.Prot, true)
		}
	case stub.OpStack:
		if o.Addr != uint64(w.m.StackEnd) {
			w.t.Errorf("a stack that ends at %#x", o.Addr)
		}
		for a := uint64(w.m.StackLow); a < o.Addr; a += page {
			w.put(a, make([]byte, page), o.Prot, false)
		}
	case stub.OpRead:
		for off := uint64(0); off < o.Len; off += page {
			p, a := w.pages[o.Addr+off], o.Addr+off
			if p == nil || w.prot[a]&unix.PROT_WRITE == 0 {
				w.t.Fatalf("the page at %#x is read to: it is there: %t, with rights %d", a, p != nil,
					w.prot[a])
			}
			copy(p, w.image[o.Off+off:o.Off+min(off+page, o.Len)])
		}
	case stub.OpProtect:
		for off := uint64(0); off < o.Len; off += page {
			w.prot[o.Addr+off] = o.Prot
		}
	case stub.OpAdvise:
		w.advice[o.Addr] = append(w.advice[o.Addr], o.Flags)
	default:
		w.t.Fatalf("a step of kind %d", o.Kind)
	}
}

// open opens a file that is still the same.
func (w *world) open(o *stub.Op) {
	var f stub.File
	if _, err := binary.Decode(w.tables[o.Off:], le, &f); err != nil {
		w.t.Fatal(err)
	}
	path := unix.ByteSliceToString(w.tables[f.Path:])
	var st unix.Stat_t
	b, err := os.ReadFile(path)
	if err == nil {
		err = unix.Stat(path, &st)
	}
	if err != nil || f.Ino != st.Ino || f.Dev != st.Dev || f.Size != uint64(len(b)) {
		w.t.Fatalf("%s: %v, %+v", path, err, f)
	}
	w.file = b
}

// put maps a page. Only pages of the image come over others.
func (w *world) put(at uint64, p []byte, prot uint32, over bool) {
	if at%page != 0 || !over && w.pages[at] != nil {
		w.t.Fatalf("the page at %#x is mapped twice, or is none", at)
	}
	w.pages[at], w.prot[at] = p, prot
}

// bytes gives what is in memory, nil where a page is missing.
func (w *world) bytes(r procmem.Range) []byte {
	out := make([]byte, 0, r.Len())
	for a := uint64(r.Start); a < uint64(r.End); a += page {
		if w.pages[a] == nil {
			return nil
		}
		out = append(out, w.pages[a]...)
	}
	return out[:r.Len()]
}
