package freeze

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"pyfreeze/image"
	"pyfreeze/procmem"
	"pyfreeze/restore/guard"
	"pyfreeze/restore/libs"
	"pyfreeze/restore/memory"
	"pyfreeze/restore/snapshot"
	"pyfreeze/restore/stub"

	"golang.org/x/sys/unix"
)

// scrub clears dead memory, and what no process may inherit of another.
func (f *freezing) scrub(context.Context) error {
	e := memory.Editor{Space: f.copy.Space}
	if !f.o.KeepDead {
		f.meta.Scrubbed = e.Scrub(f.copy, f.heap, f.walk)
		for i := range f.copy.Threads {
			f.forgetRegisters(&f.copy.Threads[i].Regs, f.copy.Threads[i].XState)
		}
		if p := f.copy.Point; p != nil {
			f.forgetRegisters(&p.Regs, p.XState)
		}
	}
	return f.forgetSeekable(e)
}

// forgetRegisters clears what is left in the vector registers of a thread at a system call.
func (f *freezing) forgetRegisters(r *unix.PtraceRegs, xstate []byte) {
	for _, at := range []uint64{r.Rip, r.Rip - 2} { // about to be made again, or just made
		if b, err := f.copy.Space.Bytes(procmem.Addr(at), 2); err == nil && b[0] == 0x0f && b[1] == 0x05 {
			guard.ForgetVectors(xstate)
			return
		}
	}
}

// forgetSeekable makes the FileIO objects of the standard descriptors forget whether they can seek: nothing in Python resets what
// _io.FileIO caches of that, and what was a file may be a pipe in the next process.
func (f *freezing) forgetSeekable(e memory.Editor) error {
	fd, err := f.copy.Layout.Field("fileio", "fd")
	if err != nil {
		return err
	}
	seekable, err := f.copy.Layout.Field("fileio", "seekable") // int : 2, -1 for "not known"
	if err != nil {
		return err
	}
	for _, o := range f.walk.OfType("_io.FileIO") {
		n, err := f.copy.Space.U32(o.Addr + procmem.Addr(fd.Offset))
		if err != nil || n > 2 {
			continue
		}
		if err := e.SetBits(o.Addr, seekable); err != nil {
			return err
		}
	}
	return nil
}

// placeMemory decides about each page.
func (f *freezing) placeMemory(context.Context) (err error) {
	var known []procmem.Range // data of libraries, which nobody gives back to the kernel
	for _, l := range f.libs {
		known = append(known, l.Range)
	}
	f.heap.EachAllocatorRange(func(r procmem.Range) { known = append(known, r) })
	f.memory, err = memory.Gather(f.copy, known)
	return err
}

// fill fills in struct head, and the tables behind it. where is nil as long as the image's layout is not known.
func (f *freezing) fill(t *stub.Tables, where []image.SegmentInfo) (stub.Head, error) {
	c, m := f.copy, f.memory
	h := stub.Head{PID: int32(c.OwnPID), HooksPID: int32(c.HooksPID), Base: uint64(c.Base), MM: c.Kernel.MM,
		StartMask: f.start.Mask, StartIgnored: f.start.Ignored,
		StackLow: uint64(m.StackLow), StackEnd: uint64(m.StackEnd), StackFloor: uint64(m.StackFloor)}
	var err error
	if h.Fn, err = snapshot.Functions(c.Interp, c.Maps, c.Space); err != nil {
		return h, err
	}
	at := func(off uint32) uint64 { return uint64(c.Base) + uint64(stub.Own().End) + uint64(off) }
	// The point of a forked copy must lie where it lay in the frozen process: the agent's stack has no other memory of it, but struct
	// head has its address.
	frame := func(t *stub.Tables, r *snapshot.Thread, stack [24]byte) uint32 {
		off := t.Bytes(make([]byte, len(snapshot.Frame(0, &r.Regs, r.XState, r.SigMask, stack))))
		t.Set(off, snapshot.Frame(at(off), &r.Regs, r.XState, r.SigMask, stack))
		return off
	}
	none := [24]byte{8: 2} // SS_DISABLE
	if p := c.Point; p != nil {
		h.Point = at(frame(t, &snapshot.Thread{Regs: p.Regs, XState: p.XState, SigMask: p.SigMask}, c.Kernel.Stack))
		h.PointMask = p.SigMask
	} else {
		th := &c.Threads[0]
		h.Point = at(frame(t, th, c.Kernel.Stack))
		h.PointMask = th.SigMask
	}
	if n := len(f.plainly); n > 0 {
		h.NPlain, h.Plain = uint32(n), t.Str(strings.Join(f.plainly, "\x00"))
	}
	if f.note != "" {
		h.Note, h.NoteLen = t.Bytes([]byte(f.note)), uint32(len(f.note))
	}
	objects := slices.Concat(f.environs, f.generators)
	if c.Kind != snapshot.Forked { // that of a fork has them on the agent's stack
		hushed := snapshot.Hush(c.Interp, c.Layout, c.Space, f.target.Tstate)
		h.NHush, h.Hush = uint32(len(hushed)), stub.Encode(t, hushed)
	}
	h.NObjects, h.Objects = uint32(len(objects)), t.Words(objects)
	var threads []stub.Thread
	for i := range c.Threads {
		th := &c.Threads[i]
		if th.TidAt == 0 {
			return h, errors.New("the C library's word for the id of a thread is not to be found: another C library than glibc?")
		}
		stack := none
		if i == 0 {
			stack = c.Kernel.Stack
		}
		rec := stub.Thread{FS: th.Regs.Fs_base, GS: th.Regs.Gs_base, TidAt: uint64(th.TidAt),
			ClearAt: uint64(th.ClearAt), Rseq: uint64(th.Rseq), RseqLen: th.RseqLen, RseqSig: th.RseqSig,
			Robust: uint64(th.Robust), RobustLen: th.RobustLen, Frame: frame(t, th, stack)}
		if c.Kind == snapshot.Forked {
			rec.Robust, rec.RobustLen = 0, 0 // the C library sees to that in a child
			rec.ClearAt = rec.TidAt          // as its fork() has it: sysdeps/nptl/arch-fork.h
		}
		words := f.idWords(th)
		rec.NTids, rec.Tids = uint32(len(words)), t.Words(words)
		copy(rec.Name[:15], th.Name)
		threads = append(threads, rec)
		if i == 0 && !f.keepsThreads() {
			break
		}
	}
	h.Learned = uint64(c.Learned)
	if h.Script = uint64(c.Script); h.Script == 0 {
		h.Code, h.CodeLen = t.Bytes(f.code), uint32(len(f.code))
	}
	h.NThreads, h.Threads = uint32(len(threads)), stub.Encode(t, threads)
	for mode := range h.Ways {
		h.Ways[mode] = f.way(t, &f.modes[mode], len(threads)-1)
	}
	h.Exe = t.Str(c.Interp.Exe)
	ops := m.Steps(t, where)
	h.NOps, h.Ops = uint32(len(ops)), stub.Encode(t, ops)
	fds := f.fds.Records(t)
	h.NFDs, h.FDs = uint32(len(fds)), stub.Encode(t, fds)
	h.NWords, h.Words = uint32(len(m.Words)), t.Words(m.Words)
	for i, r := range m.VDSO {
		h.VDSO[i] = [2]uint64{uint64(r.Start), r.Len()}
	}
	h.NVDSO, h.VDSOSum = uint32(len(m.VDSO)), m.VDSOSum
	var actions []uint64
	for _, a := range c.Kernel.Actions {
		actions = append(actions, a[:]...)
	}
	h.Actions = at(t.Words(actions)) - at(0)
	environ, err := libs.Environ(f.libs)
	if err != nil {
		return h, err
	}
	h.Environ = uint64(environ)
	h.Auxv, h.AuxvLen = t.Bytes(c.Kernel.Auxv), uint32(len(c.Kernel.Auxv))
	h.AuxvAt = uint64(f.auxvAt())
	h.OrigArgv = f.origArgv()
	copy(h.Comm[:15], c.Kernel.Comm)
	return h, nil
}

// keepsThreads says whether a thaw in any mode has more than the main thread.
func (f *freezing) keepsThreads() bool { return f.modes[0].use.Threads || f.modes[1].use.Threads }

// way fills in how a mode comes to its script. others is how many threads besides the main one there are.
func (f *freezing) way(t *stub.Tables, m *mode, others int) (w stub.Way) {
	if !m.possible {
		return w
	}
	w.Config, w.ConfigLen = t.Bytes(m.config), uint32(len(m.config))
	w.Relock = m.relock
	w.NPokes, w.Pokes = uint32(len(m.pokes)), stub.Encode(t, m.pokes)
	if m.resume {
		w.Flags |= stub.HeadResume
	}
	changes := f.changes(t, m.resume)
	w.NChanges, w.Changes = uint32(len(changes)), stub.Encode(t, changes)
	switch f.copy.Kind {
	case snapshot.Forked:
		w.Way = stub.WayFork
		return w
	case snapshot.Held:
		w.Way = stub.WayHeld
	case snapshot.Waiting:
		w.Way = stub.WayEnsure
	}
	switch {
	case m.use.Threads:
		w.NThreads = uint32(others)
		if f.copy.GILHolder != 0 && f.copy.GILHolder != f.copy.Threads[0].Tid {
			w.Flags |= stub.HeadEarly
		}
	default:
		w.Flags |= stub.HeadChild
	}
	return w
}

// idWords are the addresses of words, beside the C library's own, that hold the kernel's id of a thread.
func (f *freezing) idWords(th *snapshot.Thread) (out []uint64) {
	id, err := f.copy.Layout.Field("PyThreadState", "thread_id")
	native, err2 := f.copy.Layout.Field("PyThreadState", "native_thread_id") // 3.11 (bpo-44031)
	if err != nil || err2 != nil || native.Size != 8 {
		return nil
	}
	threads, err := f.heap.Threads()
	if err != nil {
		return nil
	}
	for _, t := range threads {
		if v, err := f.copy.Space.U64(t.Addr + procmem.Addr(id.Offset)); err == nil && v == th.Regs.Fs_base {
			out = append(out, uint64(t.Addr)+native.Offset)
		}
	}
	return out
}

// auxvAt finds the auxiliary vector on the main stack: getauxval reads it there.
func (f *freezing) auxvAt() procmem.Addr {
	auxv := f.copy.Kernel.Auxv
	if len(auxv) < 32 {
		return 0
	}
	for _, k := range f.copy.Space.Known(procmem.Range{Start: f.memory.StackLow, End: f.memory.StackEnd}) {
		b, err := f.copy.Space.Bytes(k.Start, k.Len())
		if err != nil {
			continue
		}
		for off := (len(b) - 32) &^ 15; off >= 0; off -= 16 {
			if slices.Equal(b[off:off+32], auxv[:32]) {
				return k.Start + procmem.Addr(off)
			}
		}
	}
	return 0
}

// write compiles struct head and writes the image. The tables hold offsets of the image, which depend on the tables' length alone.
func (f *freezing) write(context.Context) error {
	c := f.copy
	content := &image.Content{Pid: c.PID, Comm: filepath.Base(c.Interp.Exe), Args: strings.Join(f.start.Argv, " "), Auxv: c.Kernel.Auxv, Files: fileMappings(c.Maps),
		Segments: f.memory.Segments(), Guards: f.guards.Encode()}
	for i := range c.Threads {
		t := &c.Threads[i]
		content.Threads = append(content.Threads, image.Thread{Tid: t.Tid, Regs: t.Regs, XState: t.XState, SigMask: t.SigMask})
	}
	f.meta.Bytes = ByteCounts{Mapped: f.memory.Mapped, Read: f.memory.Read}
	f.tellRuns()
	about, err := json.Marshal(f.meta)
	if err != nil {
		return err
	}
	content.Extra = []image.Note{{Type: tableMeta, Data: about}}
	var where []image.SegmentInfo
	for range 6 {
		t := &stub.Tables{}
		h, err := f.fill(t, where)
		if err != nil {
			return err
		}
		content.Program = h.Program(t)
		planned, err := image.Plan(content)
		if err != nil {
			return &image.WriteError{Path: f.o.Output, Op: "lay out", Err: err}
		}
		if slices.Equal(planned, where) {
			return image.Write(f.o.Output, content, func(done, total uint64) { f.o.Tell("writing the image", done, total) })
		}
		where = planned
	}
	return errors.New("the layout of the image does not settle: a fault in pyfreeze")
}

// tellRuns says what a thaw does, and how many threads it has at most.
func (f *freezing) tellRuns() {
	f.meta.Kept = 1
	for i := range f.modes {
		m := &f.modes[i]
		switch {
		case m.possible && m.resume:
			f.meta.Runs = append(f.meta.Runs, "goes on")
		case m.possible:
			f.meta.Runs = append(f.meta.Runs, "runs again")
		case m.why != nil:
			f.meta.Refused = m.why.Offenders
		}
		if m.possible && m.use.Threads {
			f.meta.Kept = len(f.copy.Threads)
		}
	}
}

func fileMappings(maps []procmem.Mapping) []image.FileMapping {
	var out []image.FileMapping
	for _, m := range maps {
		if strings.HasPrefix(m.Path, "/") && !m.Deleted {
			out = append(out, image.FileMapping{Start: uint64(m.Start), End: uint64(m.End), PageOff: m.Offset / 4096, Path: m.Path})
		}
	}
	return out
}
