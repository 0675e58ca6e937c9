package pyheap

import "slices"

// Greenlet is a greenlet that is not running.
type Greenlet struct {
	Addr     Addr
	TypeName string
	Frames   []Frame // the newest first; none of one that was not started or has ended
}

// maxGreenletWords is how much of a greenlet's own memory is searched for its newest frame.
const maxGreenletWords = 256

// IsGreenlet says whether an object is a greenlet.
func (h *Heap) IsGreenlet(obj Addr) bool {
	t, err := h.typeOf(uint64(obj))
	for i := 0; err == nil && t != nil && i < maxBaseDepth; t, i = t.base, i+1 {
		if h.nameOf(t) == "greenlet.greenlet" {
			return true
		}
	}
	return false
}

// GreenletFrames gives the frames of a greenlet that was switched away from, newest first. It keeps
// the newest as a frame object: in itself until greenlet 1, in a C++ object of its own since.
func (h *Heap) GreenletFrames(obj Addr) []Frame {
	defer h.begin(h.callLimit())()
	a := uint64(obj)
	t, err := h.typeOf(a)
	if err != nil || !h.IsGreenlet(obj) {
		return nil
	}
	own := h.view.clip(a, min(h.ownSize(a, t), maxGreenletWords*8))
	frame := h.frameObjectIn(own)
	for off := uint64(16); frame == 0 && off+8 <= uint64(len(own)); off += 8 {
		if at, size, ok := h.ownBlock(le64(own, off)); ok {
			frame = h.frameObjectIn(h.view.clip(at, min(size, maxGreenletWords*8)))
		}
	}
	if frame == 0 {
		return nil
	}
	return h.framesFrom(frame)
}

// frameObjectIn gives the frame object that a word of b leads to.
func (h *Heap) frameObjectIn(b []byte) uint64 {
	for off := uint64(0); off+8 <= uint64(len(b)); off += 8 {
		v := le64(b, off)
		if v&7 != 0 || !h.isObject(v) {
			continue
		}
		if t, err := h.typeOf(v); err == nil && t.kind == kindFrame {
			return v
		}
	}
	return 0
}

// framesFrom gives the frame that a frame object stands for, and those that called it.
func (h *Heap) framesFrom(object uint64) (out []Frame) {
	o := &h.off.frame
	f, next := object, o.objBack
	if o.interpreterFrames() {
		f, _ = h.view.u64(object + o.objFrame)
		next = o.previous
	}
	seen := map[uint64]bool{}
	for f != 0 && !seen[f] && len(out) < maxFrames && !h.exhausted() {
		seen[f] = true
		if h.work++; !h.onCStack(f) {
			fr, err := h.readFrame(f)
			if err != nil {
				break // its entry frame lies on the C stack, where another greenlet's is now
			}
			out = append(out, fr)
		}
		f, _ = h.view.u64(f + next)
	}
	return out
}

// Greenlets gives all greenlets that have frames and are not running.
func (w *Walk) Greenlets() (out []Greenlet) {
	h := w.h
	running := map[Addr]bool{}
	for _, t := range w.tstates {
		_ = h.eachFrame(uint64(t.Addr), func(f uint64) { running[Addr(f)] = true }) // those before a damage count
	}
	for _, o := range w.OfType("greenlet.greenlet") {
		frames := h.GreenletFrames(o.Addr)
		if len(frames) == 0 || slices.ContainsFunc(frames, func(f Frame) bool { return running[f.Addr] }) {
			continue
		}
		out = append(out, Greenlet{o.Addr, o.TypeName, frames})
	}
	return out
}

// Generators gives the suspended generators, coroutines and asynchronous generators, in the order
// of addresses.
func (w *Walk) Generators() (out []Addr) {
	for _, i := range w.order {
		n := &w.nodes[i]
		if n.isBlock() || w.h.list[n.typ].kind != kindGen {
			continue
		}
		if _, state := w.h.generator(n.addr); state == "suspended" {
			out = append(out, Addr(n.addr))
		}
	}
	return out
}
