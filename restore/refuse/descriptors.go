package refuse

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/restore/snapshot"
	"pyfreeze/restore/stub"
)

// Made is a descriptor that a thaw makes again.
type Made struct {
	D     *snapshot.Descriptor
	Kind  uint32               // of stub.FD
	Other *snapshot.Descriptor // the second end of a pair
	Holds []procmem.Addr       // the C ints that keep its number; nil where they are not all known: the number must be the same
	Same  bool                 // the file must be as it was: what was read of it is in buffers
}

// endless are devices that give every process the same.
var endless = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}

// reopenFlags are those of the flags of an open file that open(2) is given again.
const reopenFlags = unix.O_ACCMODE | unix.O_APPEND | unix.O_NONBLOCK | unix.O_DIRECTORY | unix.O_CLOEXEC | unix.O_NOATIME | unix.O_LARGEFILE | unix.O_PATH

// owned is an object that has the number of a descriptor.
type owned struct {
	obj  pyheap.Object
	at   procmem.Addr // where
	path string
	typ  string
}

// FDs says what becomes of the descriptors of a copy.
type FDs struct {
	Made     []Made
	Reserved []int       // numbers that a thaw keeps from use, because a dead object may still close them
	Pokes    []stub.Poke // what marks objects closed whose descriptors are dropped
}

// Descriptors decides about each descriptor of a copy, and lists those that stand in the way. Those that only frames reach are dropped with
// the frames where the program runs again.
func (t *Target) Descriptors(c *snapshot.Copy, use Use) (fds FDs, out []Offender) {
	owners := t.owners(c)
	done := map[int]bool{}
	byIno := map[uint64][]*snapshot.Descriptor{}
	for i := range c.FDs {
		d := &c.FDs[i]
		if strings.HasPrefix(d.Target, "pipe:") || strings.HasPrefix(d.Target, "socket:") {
			byIno[d.Open.Ino] = append(byIno[d.Open.Ino], d)
		}
	}
	for i := range c.FDs {
		d := &c.FDs[i]
		own := owners[d.FD]
		if done[d.FD] || len(own) == 0 && inherited(c, d) {
			continue // whoever starts a thaw passes it on, or not
		}
		kept := slices.IndexFunc(own, func(o owned) bool { return o.obj.Kept() })
		kind := DescriptorKind(d.Target)
		if len(own) > 0 {
			d.Owner = own[max(kept, 0)].path
		}
		wanted := (kept >= 0 || len(own) == 0 || !use.Again) && !slices.Contains(use.Allow, kind)
		if !wanted {
			for _, o := range own {
				fds.Pokes = append(fds.Pokes, stub.Poke{Addr: uint64(o.at), Value: ^uint64(0), Size: 4})
			}
			if len(own) > 0 || d.Target == "/dev/null" {
				fds.Reserved = append(fds.Reserved, d.FD)
			}
			continue
		}
		m, why, remedy := t.makeAgain(d, own, byIno)
		if why == "" {
			d.Reopened = true
			done[d.FD] = true
			if m.Other != nil {
				m.Other.Reopened = true
				done[m.Other.FD] = true
				if o := owners[m.Other.FD]; len(o) > 0 {
					m.Other.Owner = o[0].path
				}
			}
			fds.Made = append(fds.Made, m)
			continue
		}
		what := fmt.Sprintf("descriptor %d on %s", d.FD, d.Target)
		if len(own) > 0 {
			what = fmt.Sprintf("<%s fd=%d> on %s", own[max(kept, 0)].typ, d.FD, d.Target)
		}
		if why != "-" {
			what += ", " + why
		}
		out = append(out, Offender{kind, d.Owner, what, remedy})
	}
	return fds, Allowed(out, use.Allow)
}

// inherited says whether a process had a descriptor from the start. Of one that ran already it is not known: but what is inherited over an exec
// has not got O_CLOEXEC, which Python (PEP 446) and most libraries set on what they open.
func inherited(c *snapshot.Copy, d *snapshot.Descriptor) bool {
	if c.Start.FDs == nil {
		return d.Open.Flags&unix.O_CLOEXEC == 0
	}
	return slices.Contains(c.Start.FDs, d.FD)
}

// owners finds the objects that have descriptors.
func (t *Target) owners(c *snapshot.Copy) map[int][]owned {
	open := map[int]bool{}
	for i := range c.FDs {
		open[c.FDs[i].FD] = true
	}
	out := map[int][]owned{}
	for _, typ := range pyheap.DescriptorTypes() {
		for _, o := range t.Walk.OfType(typ) {
			at, err := t.Heap.DescriptorAddr(o.Addr)
			if err != nil {
				continue // of a module without debug information here
			}
			n, err := t.Space.I32(at)
			if err == nil && open[int(n)] {
				out[int(n)] = append(out[int(n)], owned{o, at, t.Walk.Path(o.Addr), o.TypeName})
			}
		}
	}
	return out
}

// makeAgain says how a descriptor is made again, or why it cannot be ("-" where its kind says it) and what to do.
func (t *Target) makeAgain(d *snapshot.Descriptor, own []owned, byIno map[uint64][]*snapshot.Descriptor) (m Made, why, remedy string) {
	const closeIt = "close it before the freeze"
	m = Made{D: d}
	for _, o := range own {
		m.Holds = append(m.Holds, o.at)
	}
	switch kind := DescriptorKind(d.Target); kind {
	case "file":
		for _, o := range own {
			if o.typ == "_io.FileIO" && t.unwritten(o.obj.Addr) {
				return m, "with data that was not written yet", "flush it before the freeze"
			}
		}
		m.Kind = stub.FDFile
		m.Same = d.Open.Mode&unix.S_IFMT == unix.S_IFREG && d.Open.Flags&unix.O_ACCMODE == unix.O_RDONLY && d.Open.Offset > 0
		return m, canReopen(d), closeIt
	case "eventfd":
		m.Kind = stub.FDEvent
		if d.Open.Opaque || d.Open.Count > math.MaxUint32 { // eventfd(2) takes an unsigned int
			return m, "-", closeIt
		}
		return m, "", ""
	case "epoll":
		m.Kind = stub.FDEpoll
		return m, "", ""
	case "pipe", "socket":
		m.Holds = nil
		ino := d.Open.Ino
		if kind == "socket" {
			ino = d.Open.Peer
		}
		ends := byIno[ino]
		for _, o := range ends {
			if o == d || len(ends) != 2 && kind == "pipe" || len(ends) != 1 && kind == "socket" || d.Open.Opaque || o.Open.Opaque {
				continue
			}
			m.Other, m.Kind = o, stub.FDSockets
			if kind == "pipe" {
				m.Kind = stub.FDPipe
				if d.Open.Flags&unix.O_ACCMODE == unix.O_WRONLY {
					m.D, m.Other = o, d
				}
			}
			return m, "", ""
		}
	}
	return m, "-", closeIt
}

// canReopen says why a thaw cannot open the file of d again by its path and be where the process was; "" when it can.
func canReopen(d *snapshot.Descriptor) string {
	o := &d.Open
	var st unix.Stat_t
	if err := unix.Stat(d.Target, &st); err != nil || st.Dev != o.Dev || st.Ino != o.Ino {
		return "a file that is no longer under its path"
	}
	if slices.Contains(endless, d.Target) {
		return ""
	}
	kind := o.Mode & unix.S_IFMT
	switch {
	case kind != unix.S_IFREG && kind != unix.S_IFDIR:
		return "no regular file"
	case strings.HasPrefix(d.Target, "/proc/") || strings.HasPrefix(d.Target, "/sys/"):
		return "a file of the kernel, about this process or this moment"
	case o.Locked:
		return "a file that is locked"
	case o.Flags&unix.O_ACCMODE != unix.O_RDONLY && o.Flags&unix.O_APPEND == 0:
		return "a file that every thaw would write to at the same place"
	}
	return ""
}

// unwritten says whether a buffer over a FileIO holds what was not written yet.
func (t *Target) unwritten(raw pyheap.Addr) bool {
	var buffers []pyheap.Addr
	for _, typ := range []string{"_io.BufferedWriter", "_io.BufferedRandom"} {
		for _, o := range t.Walk.OfType(typ) {
			if at, err := t.Heap.CField(o.Addr, "raw"); err != nil || at != uint64(raw) {
				continue
			}
			buffers = append(buffers, o.Addr)
			pos, err := t.Heap.CField(o.Addr, "write_pos")
			end, err2 := t.Heap.CField(o.Addr, "write_end") // -1 when there is none
			if err != nil || err2 != nil || int64(end) > int64(pos) {
				return true
			}
		}
	}
	for _, o := range t.Walk.OfType("_io.TextIOWrapper") {
		at, err := t.Heap.CField(o.Addr, "buffer")
		if err != nil || !slices.Contains(buffers, pyheap.Addr(at)) {
			continue
		}
		if n, err := t.Heap.CField(o.Addr, "pending_bytes_count"); err != nil || n != 0 {
			return true
		}
	}
	return false
}

// Records returns what the stub is told of descriptors, and adds to the tables what that refers to.
func (fds *FDs) Records(t *stub.Tables) []stub.FD {
	var out, watches []stub.FD
	for i := range fds.Made {
		m := &fds.Made[i]
		f := stub.FD{FD: int32(m.D.FD), Other: -1, Kind: m.Kind, Flags: uint32(m.D.Open.Flags & (unix.O_CLOEXEC | unix.O_NONBLOCK))}
		if len(m.Holds) > 0 {
			words := make([]uint64, len(m.Holds))
			for i, a := range m.Holds {
				words[i] = uint64(a)
			}
			f.NHolds, f.Holds = uint32(len(words)), t.Words(words)
		}
		switch m.Kind {
		case stub.FDFile:
			f.Flags = uint32(m.D.Open.Flags & reopenFlags)
			f.Offset = m.D.Open.Offset
			f.Path = t.Str(m.D.Target)
			var st unix.Stat_t
			if m.Same && unix.Stat(m.D.Target, &st) == nil {
				f.File = stub.Encode(t, []stub.File{{Dev: st.Dev, Ino: st.Ino, Size: uint64(st.Size), MtimeNs: uint64(st.Mtim.Nano()), Path: f.Path}})
			}
		case stub.FDEvent:
			f.Offset = m.D.Open.Count
		case stub.FDPipe, stub.FDSockets:
			f.Other = int32(m.Other.FD)
			f.File = uint32(m.Other.Open.Flags & (unix.O_CLOEXEC | unix.O_NONBLOCK))
			f.Path, f.Offset = t.Bytes(m.D.Open.Unread), uint64(len(m.D.Open.Unread))
			if m.Kind == stub.FDSockets {
				f.Holds, f.NHolds = t.Bytes(m.Other.Open.Unread), uint32(len(m.Other.Open.Unread))
			}
		case stub.FDEpoll:
			for _, w := range m.D.Open.Watches {
				watches = append(watches, stub.FD{FD: int32(m.D.FD), Other: int32(w.FD), Kind: stub.FDEpollAdd, Flags: w.Events, Offset: w.Data})
			}
		}
		out = append(out, f)
	}
	for _, n := range fds.Reserved {
		out = append(out, stub.FD{FD: int32(n), Other: -1, Kind: stub.FDNull})
	}
	return append(out, watches...)
}
