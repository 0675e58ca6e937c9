package procmem

// maxHeapGap is how far behind the end of the executable the kernel may put the start of brk.
const maxHeapGap = 1 << 30

// nameKernels names the segments that /proc/PID/maps calls [stack] and [heap], which no note of a core file
// does. The heap is the first private, writable, anonymous one behind the executable, apart from its .bss, that begins with a
// chunk of malloc.
func (l *coreLoader) nameKernels(segs []Segment) {
	const atPhdr, atRandom = 3, 25
	for i := range segs { // the kernel puts the bytes of AT_RANDOM above the main thread's stack
		if s := &segs[i]; s.Path == "" && s.Contains(Addr(l.auxv[atRandom])) {
			s.Path = "[stack]"
		}
	}
	exe := l.fileAt(Addr(l.auxv[atPhdr]))
	if exe == nil {
		return
	}
	var end Addr
	for i := range l.files {
		if f := &l.files[i]; f.Path == exe.Path && f.Start-exe.Start < maxHeapGap {
			end = max(end, f.End)
		}
	}
	var found *Segment
	for i := range segs {
		s := &segs[i]
		if s.Path != "" || !s.Write || s.Start < end || s.Start-end > maxHeapGap || found != nil && s.Start > found.Start {
			continue
		}
		if beginsWithChunk(s.Data) {
			found = s
		}
	}
	if found != nil {
		found.Path = "[heap]"
	}
}

// beginsWithChunk says whether memory begins as a heap of glibc's malloc does: no chunk before the first,
// which counts as used.
func beginsWithChunk(b []byte) bool {
	if len(b) < 16 {
		return false
	}
	const prevInUse, flags = 1, 7
	before, size := order.Uint64(b), order.Uint64(b[8:])
	return before == 0 && size&flags == prevInUse && size >= 32 && size&^flags <= uint64(len(b)) && size&8 == 0
}
