package procmem

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
)

// A lazy copy shows what a whole one does, and reading it makes no page of the target that was not
// there.
func TestCaptureLazy(t *testing.T) {
	pid, line := startPython(t, `
import mmap, time
big = mmap.mmap(-1, 64 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
big[20 << 20:(20 << 20) + 4] = b"here"
import json, decimal
print("here", flush=True)
time.sleep(3600)`)
	if line != "here" {
		t.Fatalf("target said %q", line)
	}
	live, maps := openLive(t, pid)
	whole, err := Capture(live, maps, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close()
	before := resident(t, pid)
	lazy, err := CaptureLazy(live, maps)
	if err != nil {
		t.Fatal(err)
	}
	defer lazy.Close()
	for _, s := range whole.Segments() {
		if len(s.Data) > 16 {
			at := uint64(len(s.Data)/2) &^ 15
			seg, ok := lazy.Find(s.Start)
			if !ok {
				t.Fatalf("no segment at %v", s.Start)
			}
			got := seg.Peek(uint64(s.Start-seg.Start) + at)
			if !bytes.Equal(got[:], s.Data[at:at+16]) {
				t.Errorf("%v: a peek gives %x, not %x", s.Range, got, s.Data[at:at+16])
			}
		}
		got, err := lazy.Bytes(s.Start, s.Len())
		if err != nil || !bytes.Equal(got, s.Data) {
			t.Errorf("%v %s: %v, not the same", s.Range, s.Path, err)
		}
	}
	if after := resident(t, pid); after > before+256 {
		t.Errorf("the target had %d KiB, and %d after it was read", before, after)
	}
	if err := lazy.Err(); err != nil {
		t.Error(err)
	}
	again, err := CaptureLazy(live, maps)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := killAndReap(pid); err != nil {
		t.Fatal(err)
	}
	for _, s := range again.Segments() {
		_, _ = again.Bytes(s.Start, s.Len())
	}
	if again.Err() == nil {
		t.Error("the target is gone, and nobody says so")
	}
}

// killAndReap ends a process and waits until its memory is gone.
func killAndReap(pid int) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	if err := p.Kill(); err != nil {
		return err
	}
	for {
		maps, err := ReadMaps(pid)
		if err != nil || len(maps) == 0 {
			return nil
		}
	}
}

// resident gives the kilobytes of memory that a process has.
func resident(t *testing.T, pid int) (kb int) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	if _, err := fmt.Sscan(rest, &kb); err != nil {
		t.Fatal(err)
	}
	return kb
}

// What is given back is read again where it is asked for, but what was changed stays as it is, and
// less memory is held meanwhile.
func TestEvict(t *testing.T) {
	pid, _ := startPython(t, `
import mmap, time
big = mmap.mmap(-1, 64 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for at in range(0, len(big), 4096): big[at:at + 4] = b"page"
print("here", flush=True)
time.sleep(3600)`)
	live, maps := openLive(t, pid)
	sp, err := CaptureLazy(live, maps)
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	var big Segment
	for _, s := range sp.Segments() {
		if s.Len() > big.Len() && s.Lazy() {
			big = s
		}
	}
	if big.Len() < 64<<20 {
		t.Fatalf("the largest segment is %v", big.Range)
	}
	view, err := sp.View(big.Start, big.Len())
	if err != nil {
		t.Fatal(err)
	}
	edited := big.Start + 10<<20
	b, err := sp.Edit(edited, 4)
	if err != nil {
		t.Fatal(err)
	}
	copy(b, "mine")
	held := resident(t, os.Getpid())
	const piece = 3 << 20 // no multiple of a chunk divides it
	pages := 0
	for range 2 {
		pages = 0
		for off := uint64(0); off < big.Len(); off += piece + 4096 {
			n := min(piece+4096, big.Len()-off)
			if err := sp.Have(big.Start+Addr(off), n); err != nil {
				t.Fatal(err)
			}
			pages += bytes.Count(view[off:off+n], []byte("page"))
			sp.Evict(Range{big.Start + Addr(off), big.Start + Addr(off+n)})
		}
	}
	if want := 64<<20/4096 - 1; pages != want {
		t.Errorf("%d pages were seen, not %d", pages, want)
	}
	if now := resident(t, os.Getpid()); now > held+16<<10 {
		t.Errorf("%d KiB are held, %d before", now, held)
	}
	if got, err := sp.Bytes(edited, 4); err != nil || string(got) != "mine" {
		t.Errorf("what was changed is %q now (%v)", got, err)
	}
}

// A page that the process itself cannot read is no error, and hides nothing of what lies around it.
func TestLazyGuard(t *testing.T) {
	pid, line := startPython(t, `
import ctypes, mmap, time
m = mmap.mmap(-1, 1 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
m[:] = b"x" * (1 << 20)
at = ctypes.addressof(ctypes.c_char.from_buffer(m))
libc = ctypes.CDLL(None)
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
print(at, libc.madvise(at + 8192, 4096, 102), flush=True) # MADV_GUARD_INSTALL
time.sleep(3600)`)
	var at uint64
	var failed int
	if _, err := fmt.Sscan(line, &at, &failed); err != nil {
		t.Fatalf("target said %q", line)
	}
	if failed != 0 {
		t.Skip("a kernel without MADV_GUARD_INSTALL")
	}
	live, maps := openLive(t, pid)
	lazy, err := CaptureLazy(live, maps)
	if err != nil {
		t.Fatal(err)
	}
	defer lazy.Close()
	seg, ok := lazy.Find(Addr(at))
	if !ok {
		t.Fatal("no segment")
	}
	off := at - uint64(seg.Start)
	if b := seg.Peek(off + 8192); b != [16]byte{} {
		t.Errorf("a peek gives %x", b)
	}
	got, err := lazy.Bytes(Addr(at), 16384)
	want := append(append(bytes.Repeat([]byte("x"), 8192), make([]byte, 4096)...), bytes.Repeat([]byte("x"), 4096)...)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v: %q...", err, got[:min(len(got), 20)])
	}
	if err := lazy.Err(); err != nil {
		t.Error(err)
	}
}
