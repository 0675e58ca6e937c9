package pyheap

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"pyfreeze/procmem"
	"pyfreeze/symbols"
)

// TestCore checks that a core file gives the same answers as the process it was taken from.
func TestCore(t *testing.T) {
	tg := start(t, python311, testdata("holders.py"))
	h := coreOf(t, tg)
	w, err := h.Walk(WalkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	live := tg.walk(t)
	if w.Objects() != live.Objects() {
		t.Errorf("%d objects in the core, %d in the process", w.Objects(), live.Objects())
	}
	for _, typ := range DescriptorTypes() {
		for _, o := range live.OfType(typ) {
			c, ok := w.Find(o.Addr)
			fd, err := tg.heap.Descriptor(o.Addr)
			fd2, err2 := h.Descriptor(o.Addr)
			if !ok || c != o || fd != fd2 || err != nil || err2 != nil || w.Path(o.Addr) != live.Path(o.Addr) {
				t.Errorf("%+v, descriptor %d (%v), path %s; in the core %+v, %d (%v), %s", o, fd, err,
					live.Path(o.Addr), c, fd2, err2, w.Path(o.Addr))
			}
		}
	}
}

// coreOf has gdb write a core file of a target, and opens it.
func coreOf(t *testing.T, tg *target) *Heap {
	t.Helper()
	if _, err := exec.LookPath("gcore"); err != nil {
		t.Skip("gcore is not installed")
	}
	prefix := filepath.Join(t.TempDir(), "core")
	if out, err := exec.Command("gcore", "-o", prefix, strconv.Itoa(tg.pid)).CombinedOutput(); err != nil {
		t.Skipf("gcore: %v\n%s", err, out)
	}
	core, err := procmem.LoadCore(prefix + "." + strconv.Itoa(tg.pid))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { core.Close() })
	var maps []procmem.Mapping
	for _, s := range core.Space.Segments() {
		maps = append(maps, s.Mapping)
	}
	in, err := symbols.Identify(maps, core.Space)
	if err != nil {
		t.Fatal(err)
	}
	lay, err := symbols.LoadLayout(in.Module.File)
	if err != nil {
		t.Fatal(err)
	}
	h, err := Open(core.Space, in, lay)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}
