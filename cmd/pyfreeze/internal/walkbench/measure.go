package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"pyfreeze/pyheap"
	"pyfreeze/restore/snapshot"
)

// walked is what one walk took.
type walked struct {
	objects int
	took    time.Duration // the walk
	sized   time.Duration // with the sizes of all objects, by type
	memory  uint64        // most resident memory while it ran, above that before it
	copied  uint64        // the copy of the target's memory
}

// measureWalk copies the process as inspect does, and walks the copy.
func measureWalk(pid int) (w walked, err error) {
	s, err := snapshot.Inspect(context.Background(), pid, 10*time.Second, nil)
	if err != nil {
		return w, err
	}
	defer s.Close()
	for _, seg := range s.Space.Segments() {
		w.copied += uint64(len(seg.Data))
		touch(seg.Data) // so that what is mapped and read for the first time by the walk counts as the copy's
	}
	runtime.GC()
	debug.FreeOSMemory()
	// Writing 5 sets the high-water mark to the present size (proc(5)).
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		return w, err
	}
	before, err := highWater()
	if err != nil {
		return w, err
	}
	begin := time.Now()
	h, err := pyheap.Open(s.Space, s.Interp, s.Layout)
	if err != nil {
		return w, err
	}
	defer h.Close()
	walk, err := h.Walk(pyheap.WalkOptions{})
	if err != nil {
		return w, err
	}
	w.objects, w.took = walk.Objects(), time.Since(begin)
	walk.ByType()
	w.sized = time.Since(begin)
	after, err := highWater()
	if err != nil {
		return w, err
	}
	w.memory = after - before
	return w, nil
}

func touch(b []byte) (sum byte) {
	for i := 0; i < len(b); i += 4096 {
		sum += b[i]
	}
	return sum
}

// highWater gives the most bytes of memory that the process has had resident.
func highWater() (uint64, error) {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, rest, _ := bytes.Cut(b, []byte("\nVmHWM:"))
	var kib uint64
	if _, err := fmt.Sscan(string(rest), &kib); err != nil {
		return 0, fmt.Errorf("/proc/self/status has no VmHWM: %w", err)
	}
	return kib << 10, nil
}
