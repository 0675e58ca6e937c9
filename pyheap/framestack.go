package pyheap

import "slices"

// InferredError says that frames of a thread were found where they are kept, since what links them
// is not in memory: the C stack, which a core file that is cut short lacks first.
type InferredError struct{ Thread Addr }

func (e *InferredError) Error() string {
	return "frames were found without what links them, since the C stack is not there: those of generators may be missing"
}

const (
	maxStackChunk  = 64 << 20 // the interpreter takes 16 KiB at first
	maxStackChunks = 1 << 12
)

// stackFrames gives the frames in a thread's stack of Python frames (3.11 and later), newest first.
// They lie there one behind the other, each as large as its code asks for.
func (h *Heap) stackFrames(ts uint64) (out []uint64) {
	r := &resolver{lay: h.lay}
	chunkAt, topAt := r.opt("PyThreadState.datastack_chunk"), r.opt("PyThreadState.datastack_top")
	data, used := r.opt("_PyStackChunk.data", "_stack_chunk.data"), r.opt("_PyStackChunk.top", "_stack_chunk.top")
	before := r.opt("_PyStackChunk.previous", "_stack_chunk.previous")
	if slices.Contains([]uint64{chunkAt, topAt, data, used, before}, absent) {
		return nil
	}
	chunk, _ := h.view.u64(ts + chunkAt)
	top, _ := h.view.u64(ts + topAt)
	for i := 0; chunk != 0 && i < maxStackChunks; i++ {
		older, _ := h.view.u64(chunk + before)
		first := chunk + data
		if older == 0 {
			first += 8 // the oldest leaves a word, so that its first frame is never at its start
		}
		if top <= first || top-first > maxStackChunk {
			return out
		}
		here := h.framesBetween(first, top)
		slices.Reverse(here)
		out = append(out, here...)
		if older == 0 {
			return out
		}
		n, _ := h.view.u64(older + used) // in words
		chunk, top = older, older+data+min(n, maxStackChunk/8)*8
	}
	return out
}

// framesBetween gives the frames that lie one behind the other from an address on.
func (h *Heap) framesBetween(at, end uint64) (out []uint64) {
	o := &h.off.frame
	for at < end && !h.exhausted() && len(out) < maxFrames {
		p, _ := h.view.u64(at + o.code)
		locals, stack, ok := h.slots(h.untag(p))
		if h.work++; !ok {
			return out
		}
		out = append(out, at)
		at += o.localsplus + (locals+stack)*8
	}
	return out
}
