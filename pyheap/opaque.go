package pyheap

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// OpaqueReport says how much of the memory that allocators handed out is understood.
type OpaqueReport struct {
	Live       uint64        // bytes of live blocks of pymalloc and malloc
	Typed      uint64        // of them, bytes of blocks whose contents are known by type
	Opaque     uint64        // of them, bytes read conservatively: a word that looks like a pointer counts as one
	Unreached  uint64        // of them, bytes of blocks that nothing was found to point to
	Owners     []OpaqueOwner // of Opaque and Unreached, most bytes first
	LiveBlocks int
}

// Share gives the part of live bytes that is not understood, 0 to 1.
func (r *OpaqueReport) Share() float64 {
	return float64(r.Opaque+r.Unreached) / float64(max(r.Live, 1))
}

// OpaqueOwner sums up opaque memory that one kind of thing holds.
type OpaqueOwner struct {
	Name    string `json:"name"` // a type, a library, or where else it was reached from
	Blocks  int    `json:"blocks"`
	Bytes   uint64 `json:"bytes"`
	Example Addr   `json:"example"` // one of the blocks
}

// Opaque accounts for every live block of the allocators.
func (w *Walk) Opaque() *OpaqueReport {
	h := w.h
	r := &OpaqueReport{}
	owners := map[string]*OpaqueOwner{}
	opaque := func(name string, at, size uint64) {
		o := owners[name]
		if o == nil {
			o = &OpaqueOwner{Name: name, Example: Addr(at)}
			owners[name] = o
		}
		o.Blocks++
		o.Bytes += size
	}
	h.eachLive(func(at, size uint64) {
		r.LiveBlocks++
		r.Live += size
		i, ok := w.nodeIn(at, size)
		switch {
		case !ok:
			r.Unreached += size
			opaque("(not reached)", at, size)
		case w.isOpaque(i):
			r.Opaque += size
			opaque(w.opaqueOwner(i), at, size)
		default:
			r.Typed += size
		}
	})
	for _, o := range owners {
		r.Owners = append(r.Owners, *o)
	}
	slices.SortFunc(r.Owners, func(a, b OpaqueOwner) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name))
	})
	return r
}

// nodeIn gives the first node that lies in the block.
func (w *Walk) nodeIn(at, size uint64) (int, bool) {
	if i, ok := w.nodeAround(at); ok {
		return i, true
	}
	for off := uint64(0); off <= 32 && off < size; off += 16 {
		if i, ok := w.nodeAt(at + off); ok && w.nodes[i].addr >= at {
			return i, true
		}
	}
	return 0, false
}

// isOpaque says whether the contents of a node are not known by type.
func (w *Walk) isOpaque(i int) bool {
	n := &w.nodes[i]
	if n.isBlock() {
		p := w.planOf(n)
		return blockKind(n.typ) == blockOpaque || p != nil && p.opaque
	}
	t := w.h.list[n.typ]
	if t.kind != kindGeneric {
		return false
	}
	return !w.h.shapeOf(t).known
}

// opaqueOwner names what holds an opaque node: its type, or that of the object that it was reached from.
func (w *Walk) opaqueOwner(i int) string {
	through := ""
	for depth := 0; depth < maxPath; depth++ {
		n := &w.nodes[i]
		if !n.isBlock() {
			return w.h.nameOf(w.h.list[n.typ]) + through
		}
		if p := w.planOf(n); p != nil {
			through = " <- " + p.name + through
		}
		if n.parent < 0 {
			return w.rootOwner(&w.roots[-1-n.parent]) + through
		}
		i = int(n.parent)
	}
	return "(deep)"
}

func (w *Walk) rootOwner(r *root) string {
	if r.kind != rootStatic {
		return strings.TrimSpace(w.rootLabel(r))
	}
	if s := w.h.view.find(r.at); s != nil && s.path != "" {
		if !w.h.in.Module.Range.Contains(Addr(r.at)) {
			return "static data of " + filepath.Base(s.path)
		}
		return w.h.staticLabel(r.at)
	}
	return fmt.Sprintf("static data at %#x", r.at)
}
