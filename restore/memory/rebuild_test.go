package memory

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
	"pyfreeze/restore/internal/copied"
	"pyfreeze/restore/internal/target"
	"pyfreeze/restore/snapshot"
)

// program has memory of all kinds: islands in zeros, files that were written to, and more.
const program = `
import mmap, os, sys, time
PRIVATE, SHARED, ANON = mmap.MAP_PRIVATE, mmap.MAP_SHARED, mmap.MAP_ANONYMOUS
def anon(pages, islands, *advice):
    m = mmap.mmap(-1, pages * 4096, flags=PRIVATE | ANON)
    for p in islands: m[p * 4096 + 5:p * 4096 + 11] = b"island"
    for a in advice: m.madvise(a)
    return m
keep = [anon(400, [0, 3, 20, 21, 100, 399]), anon(50, []), anon(10, [1, 2], mmap.MADV_DONTDUMP),
        anon(30, range(30), 15), anon(7, [3], 18)]
files = [open(p, "r+b") for p in sys.argv[1:]]
for f in files:
    m = mmap.mmap(f.fileno(), 0, flags=PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    m[4096 * 2 + 7:4096 * 2 + 12] = b"mine!"
    keep += [m, mmap.mmap(f.fileno(), 0, flags=SHARED, prot=mmap.PROT_READ)]
os.unlink(sys.argv[2])
keep += [bytearray(b"x") * (3 << 20), bytearray(5 << 20), bytearray(b"y") * (1 << 20)]
shared = mmap.mmap(-1, 4096, flags=SHARED | ANON)
print("ready")
time.sleep(3600)
`

// frozen copies a process that runs the program.
func frozen(t *testing.T) *snapshot.Copy {
	t.Helper()
	var files []string
	for _, name := range []string{"kept", "deleted"} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, bytes.Repeat([]byte("0123456789"), 2300), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
	}
	pid := target.Start(t, "/usr/bin/python3.11", program, files...)
	return copied.Of(t, pid)
}

// TestMemoryComesBack does in a model what the stub does in a thaw: all that was known of the
// process must be there again, with its rights, and nothing else.
func TestMemoryComesBack(t *testing.T) {
	c := frozen(t)
	for name, known := range map[string][]procmem.Range{"malloc's own": nil,
		"some are known": somewhere(c)} {
		t.Run(name, func(t *testing.T) {
			m, err := Gather(c, known)
			if err != nil {
				t.Fatal(err)
			}
			w := place(t, m)
			compareMaps(t, c, w)
			compareWords(t, w)
			compareAdvice(t, c, w)
			if m.Read == 0 || m.Mapped == 0 {
				t.Errorf("%d bytes are read, %d mapped: the test tries one kind only", m.Read, m.Mapped)
			}
		})
	}
}

// somewhere gives odd parts of anonymous memory, as if allocators had them.
func somewhere(c *snapshot.Copy) (out []procmem.Range) {
	for _, m := range c.Maps {
		if m.Path == "" && m.Write && m.Len() > 8*page {
			out = append(out, procmem.Range{Start: m.Start + 2*page, End: m.Start + 3*page},
				procmem.Range{Start: m.Start + 5*page, End: m.End - page})
		}
	}
	slices.Reverse(out) // in no order
	return out
}

func compareMaps(t *testing.T, c *snapshot.Copy, w *world) {
	t.Helper()
	left := len(w.pages)
	shared := Unshareable(c.Maps, c.Uncopied)
	if len(shared) != 2 { // what it may write to, and what is of a deleted file
		t.Errorf("%d mappings are shared, the program has two: %+v", len(shared), shared)
	}
	for i := range c.Maps {
		m := &c.Maps[i]
		if strings.HasPrefix(m.Path, "[v") ||
			slices.ContainsFunc(shared, func(s Shared) bool { return s.Start == m.Start }) {
			continue
		}
		r := m.Range
		if m.Path == "[stack]" {
			r.Start = w.m.StackLow
			if rsp := procmem.Addr(c.Threads[0].Regs.Rsp); rsp < r.Start+redZone && r.Start > m.Start {
				t.Errorf("the stack is kept from %v on, its pointer is %v", r.Start, rsp)
			}
		}
		for a := r.Start; a < r.End; a += page {
			if got, ok := w.prot[uint64(a)]; !ok || got != prot(m) {
				t.Fatalf("%v %s at %v has the rights %d (%t), not %s", m.Range, m.Path, a, got, ok, m.Perms())
			}
		}
		left -= int(r.Len() / page)
		for _, k := range c.Space.Known(r) {
			want, err := c.Space.Bytes(k.Start, k.Len())
			if got := w.bytes(k); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%v %s %s: other bytes come back (%v)", k, m.Perms(), m.Path, err)
			}
		}
	}
	if left != 0 {
		t.Errorf("%d pages come back that the process had not", left)
	}
}

// compareWords finds all words that point into the vDSO, and compares.
func compareWords(t *testing.T, w *world) {
	t.Helper()
	lo, hi := uint64(w.m.VDSO[0].Start), uint64(w.m.VDSO[len(w.m.VDSO)-1].End)
	want := map[uint64]bool{}
	for at, p := range w.pages {
		for off := uint64(0); off < page; off += 8 {
			if v := le.Uint64(p[off:]); v >= lo && v < hi {
				word := at + off
				if w.prot[at]&unix.PROT_WRITE == 0 {
					word |= 1
				}
				want[word] = true
			}
		}
	}
	for _, word := range w.m.Words {
		if !want[word] {
			t.Errorf("the word at %#x points not into the vDSO, or is told twice", word)
		}
		delete(want, word)
	}
	if len(want) > 0 || len(w.m.Words) < 2 { // libc has several, the auxiliary vector one
		t.Errorf("%d words are told, not those at %v", len(w.m.Words), want)
	}
}

func compareAdvice(t *testing.T, c *snapshot.Copy, w *world) {
	t.Helper()
	for flag, advice := range map[string]uint32{
		"dd": unix.MADV_DONTDUMP, "nh": unix.MADV_NOHUGEPAGE, "wf": unix.MADV_WIPEONFORK,
	} {
		found := 0
		for i := range c.Maps {
			m := &c.Maps[i]
			if strings.HasPrefix(m.Path, "[v") || unshareable(m) != "" {
				continue
			}
			has := slices.Contains(c.Flags[m.Start], flag)
			if has != slices.Contains(w.advice[uint64(m.Start)], advice) {
				t.Errorf("%v %s has the flag %s: %t, advice %v", m.Range, m.Path, flag, has,
					w.advice[uint64(m.Start)])
			}
			if has {
				found++
			}
		}
		if found == 0 {
			t.Errorf("no memory of the program has the flag %s", flag)
		}
	}
}
