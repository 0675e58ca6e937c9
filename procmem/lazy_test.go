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
