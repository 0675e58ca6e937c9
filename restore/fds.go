package restore

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
	"syscall"

	"pyfreeze/pyheap"
)

// Descriptor is an open descriptor of the target above 2.
type Descriptor struct {
	FD     int    `json:"fd"`
	Target string `json:"target"`          // what /proc shows: a path, socket:[n], pipe:[n]
	Owner  string `json:"owner,omitempty"` // Python path of the object that owns it
	// Reopened says that a thaw opens the file again, at the same offset; else its owner finds it closed.
	Reopened bool `json:"reopened,omitempty"`

	open openFile
}

// listDescriptors reads /proc/PID/fd. The target must be stopped.
func listDescriptors(pid int) ([]Descriptor, error) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []Descriptor
	for _, n := range names {
		fd, err := strconv.Atoi(n.Name())
		if err != nil || fd <= 2 {
			continue
		}
		link, err := os.Readlink(dir + "/" + n.Name())
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		open, err := readOpenFile(pid, fd)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, Descriptor{FD: fd, Target: link, open: open})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].FD < out[j].FD })
	return out, nil
}

// settleDescriptors finds the owner of each descriptor. Those that only frames
// reach are dropped with the frames: their objects are marked closed in frozen memory.
// So are those that may be by the kinds in allow; of others that a module reaches, files are opened again by the thaw
// where that can be, and the rest are offenders.
func settleDescriptors(f *frozen, h *pyheap.Heap, w *pyheap.Walk, fds []Descriptor, allow []string) (again []reopening, offenders []Offender, err error) {
	open := map[int]*Descriptor{}
	for i := range fds {
		open[fds[i].FD] = &fds[i]
	}
	for _, typ := range pyheap.DescriptorTypes() {
		for _, o := range w.OfType(typ) {
			at, err := h.DescriptorAddr(o.Addr)
			if err != nil {
				continue // of a module without debug information here
			}
			b, err := f.find(at, 4)
			if err != nil {
				continue
			}
			d := open[int(int32(le.Uint32(b)))]
			if d == nil {
				continue
			}
			path := w.Path(o.Addr)
			kind := descriptorKind(d.Target)
			if isKept(o) && !slices.Contains(allow, kind) {
				what, why, remedy := fmt.Sprintf("<%s fd=%d> on %s", o.TypeName, d.FD, d.Target), "", "close it before the freeze"
				if kind == "file" && typ == "_io.FileIO" {
					if why = d.canReopen(); why == "" && unwritten(h, w, o.Addr) {
						why, remedy = "with data that was not written yet", "flush it before the freeze"
					}
					if why == "" {
						again = addReopening(again, d, at)
						d.Owner, d.Reopened = path, true
						continue
					}
					what += ", " + why
				}
				offenders = append(offenders, Offender{kind, path, what, remedy})
				continue
			}
			d.Owner = path
			if err := f.poke32(at, ^uint32(0)); err != nil {
				return nil, nil, err
			}
		}
	}
	for i := range fds {
		// C code may hold it by its number, as libraries do that keep a source of random numbers open.
		if d := &fds[i]; d.Owner == "" && d.Target != "/dev/null" && slices.Contains(endless, d.Target) && d.canReopen() == "" {
			again = append(again, reopening{d, nil})
			d.Reopened = true
		}
	}
	return again, offenders, nil
}

// addReopening notes that the int at is to have the number of d.
func addReopening(again []reopening, d *Descriptor, at pyheap.Addr) []reopening {
	for i := range again {
		if again[i].d == d {
			again[i].holds = append(again[i].holds, at)
			return again
		}
	}
	return append(again, reopening{d, []pyheap.Addr{at}})
}

// reserved are the numbers that a thaw keeps from use: a dead object may still
// close them by number.
func reserved(fds []Descriptor) []int {
	var out []int
	for _, d := range fds {
		if d.Owner != "" && !d.Reopened || strings.HasPrefix(d.Target, "/dev/null") {
			out = append(out, d.FD)
		}
	}
	return out
}

// isSQLite says whether a file is a database of SQLite, by its first bytes.
func isSQLite(path string) bool {
	const magic = "SQLite format 3\x00"
	if !strings.HasPrefix(path, "/") {
		return false
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	b := make([]byte, len(magic))
	n, _ := f.ReadAt(b, 0)
	return string(b[:n]) == magic
}
