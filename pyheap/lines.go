package pyheap

// instrOffset gives the offset in bytes of the instruction that a frame executes; negative before
// the first.
func (h *Heap) instrOffset(f, code uint64) int64 {
	o := &h.off.frame
	if !o.interpreterFrames() {
		n, _ := h.view.u32(f + o.oldLasti)
		lasti := int64(int32(n))
		if h.atLeast(10) {
			lasti *= 2 // counted in code units since 3.10
		}
		return lasti
	}
	instr, ok := h.view.u64(f + o.instr)
	if !ok || h.off.code.bytecode == absent {
		return -1
	}
	return int64(instr - (code + h.off.code.bytecode))
}

// line gives the source line of the instruction at offset at of a code object, or where that has
// none, such as the jump back at the end of a loop, the line before it; 0 where it cannot be
// read.
func (h *Heap) line(code uint64, at int64) int {
	o := &h.off.code
	n, ok := h.view.u32(code + o.firstlineno)
	p, ok2 := h.view.u64(code + o.linetable)
	if !ok || !ok2 {
		return 0
	}
	first := int(int32(n))
	if at < 0 {
		return first
	}
	table, err := h.Bytes(Addr(p))
	if err != nil {
		return 0
	}
	return LineAt(table, first, at, h.in.Version.Minor)
}

// LineAt returns the source line of the instruction at offset at, in bytes, by the table of a code
// object of CPython 3.minor (co_linetable, until 3.9 co_lnotab) and its first line; 0 where the
// table does not tell.
func LineAt(table []byte, first int, at int64, minor int) int {
	switch {
	case minor >= 11:
		return lineInLocations(table, first, at)
	case minor >= 10:
		return lineInLinetable(table, first, at)
	}
	return lineInLnotab(table, first, at)
}

// lineInLocations reads the location table of 3.11 and later (Objects/locations.md): an entry is a
// byte with its top bit set, a code and a length in code units, then what the code says.
func lineInLocations(table []byte, line int, at int64) int {
	end := int64(0)
	for i := 0; i < len(table); {
		head := table[i]
		i++
		end += int64(head&7+1) * 2
		delta := 0
		switch code := head >> 3 & 15; { // 15: no line
		case code == 13 || code == 14:
			var u uint
			for shift := uint(0); i < len(table) && shift < 60; shift += 6 {
				b := table[i]
				i++
				u |= uint(b&63) << shift
				if b&64 == 0 {
					break
				}
			}
			delta = int(u >> 1)
			if u&1 != 0 {
				delta = -delta
			}
		case code >= 10 && code <= 12:
			delta = int(code) - 10
		}
		line += delta
		if at < end {
			return line
		}
		for i < len(table) && table[i]&0x80 == 0 {
			i++ // columns
		}
	}
	return 0
}

// lineInLinetable reads the table of 3.10: pairs of a length in bytes and a signed line delta, where
// -128 means no line.
func lineInLinetable(table []byte, line int, at int64) int {
	end := int64(0)
	for i := 0; i+1 < len(table); i += 2 {
		end += int64(table[i])
		delta := int(int8(table[i+1]))
		if delta != -128 {
			line += delta
		}
		if at < end {
			return line
		}
	}
	return 0
}

// lineInLnotab reads the table until 3.9: pairs of address and line increments.
func lineInLnotab(table []byte, line int, at int64) int {
	addr := int64(0)
	for i := 0; i+1 < len(table); i += 2 {
		if addr += int64(table[i]); addr > at {
			break
		}
		line += int(int8(table[i+1]))
	}
	return line
}
