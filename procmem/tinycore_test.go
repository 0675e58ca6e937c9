package procmem

import (
	"bytes"
	"debug/elf"
	"testing"
)

// put appends little-endian numbers.
func put64(b []byte, vs ...uint64) []byte {
	for _, v := range vs {
		b = order.AppendUint64(b, v)
	}
	return b
}

func put32(b []byte, vs ...uint32) []byte {
	for _, v := range vs {
		b = order.AppendUint32(b, v)
	}
	return b
}

func note(owner string, typ uint32, desc []byte) []byte {
	name := append([]byte(owner), 0)
	b := put32(nil, uint32(len(name)), uint32(len(desc)), typ)
	b = append(b, name...)
	b = append(b, make([]byte, -len(b)&3)...)
	b = append(b, desc...)
	return append(b, make([]byte, -len(b)&3)...)
}

// load is a PT_LOAD of a made-up core.
type load struct {
	addr, mem uint64
	flags     elf.ProgFlag
	data      []byte
}

// makeCore makes a core file: headers, notes, then the segments' bytes.
func makeCore(notes []byte, loads ...load) []byte {
	b := append([]byte(elf.ELFMAG), byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	b = order.AppendUint16(b, uint16(elf.ET_CORE))
	b = order.AppendUint16(b, uint16(coreMachine))
	b = put32(b, 1)
	b = put64(b, 0, ehdrSize, 0)
	b = put32(b, 0)
	for _, v := range []uint16{ehdrSize, phdrSize, uint16(1 + len(loads)), shdrSize, 0, 0} {
		b = order.AppendUint16(b, v)
	}
	off := uint64(ehdrSize + phdrSize*(1+len(loads)))
	ph := func(typ elf.ProgType, flags elf.ProgFlag, addr, fsize, mem uint64) {
		b = put32(b, uint32(typ), uint32(flags))
		b = put64(b, off, addr, 0, fsize, mem, 1)
		off += fsize
	}
	ph(elf.PT_NOTE, 0, 0, uint64(len(notes)), 0)
	for _, l := range loads {
		ph(elf.PT_LOAD, l.flags, l.addr, uint64(len(l.data)), l.mem)
	}
	b = append(b, notes...)
	for _, l := range loads {
		b = append(b, l.data...)
	}
	return b
}

// tinyCore is a core with one of each note.
func tinyCore() []byte {
	status := make([]byte, prstatusSize)
	order.PutUint32(status[prstatusPid:], 77)
	order.PutUint64(status[prstatusRegs+16*8:], 0x401000) // rip
	info := make([]byte, prpsinfoSize)
	order.PutUint32(info[prpsinfoPid:], 77)
	copy(info[prpsinfoArgs:], "python3 x.py")
	files := append(put64(nil, 1, 4096, 0x10000, 0x11000, 0), "/etc/passwd\x00"...)
	notes := append(note("CORE", ntPrstatus, status), note("CORE", ntPrpsinfo, info)...)
	notes = append(notes, note("CORE", ntAuxv, put64(nil, 6, 4096, 0, 0))...)
	notes = append(notes, note("CORE", ntFile, files)...)
	return makeCore(notes, load{0x400000, 4, elf.PF_R | elf.PF_X, []byte("text")}, load{0x10000, 0x1000, elf.PF_R, nil},
		load{0x500000, 6, elf.PF_R | elf.PF_W, []byte("data!!")})
}

func TestTinyCore(t *testing.T) {
	core, err := loadBytes(t, tinyCore())
	if err != nil {
		t.Fatal(err)
	}
	if core.Pid != 77 || core.Psargs != "python3 x.py" || core.Auxv[6] != 4096 || len(core.Threads) != 1 ||
		core.Threads[0].Tid != 77 || core.Threads[0].Regs.Rip != 0x401000 {
		t.Errorf("core %+v", core)
	}
	s, ok := core.Space.Find(0x400002)
	if !ok || string(s.Data) != "text" || s.Perms() != "r-xp" {
		t.Errorf("text segment: %+v", s)
	}
	// What the dump left out comes from the file.
	s, ok = core.Space.Find(0x10000)
	if !ok || s.Path != "/etc/passwd" || !bytes.HasPrefix(s.Data, []byte("root:")) {
		t.Errorf("file segment: %+v, %v", s, core.Files)
	}
}

// In an image, what is left out at the end of a segment is zero, even where a
// file was mapped; in another core it is not known.
func TestZeroTail(t *testing.T) {
	files := note("CORE", ntFile, append(put64(nil, 1, 4096, 0x10000, 0x12000, 0), "/etc/passwd\x00"...))
	rw := load{0x10000, 0x1000, elf.PF_R | elf.PF_W, []byte("x")}
	anon := load{0x20000, 0x2000, elf.PF_R | elf.PF_W, nil}
	ro := load{0x11000, 0x1000, elf.PF_R, nil}
	image, err := loadBytes(t, makeCore(append(note("pyfreeze", 1, nil), files...), rw, ro, anon))
	if err != nil {
		t.Fatal(err)
	}
	for a, want := range map[Addr]byte{0x10000: 'x', 0x10001: 0, 0x10fff: 0, 0x20000: 0, 0x21fff: 0} {
		if got, err := image.Space.U8(a); err != nil || got != want {
			t.Errorf("image at %v: %q, %v", a, got, err)
		}
	}
	core, err := loadBytes(t, makeCore(files, rw, anon))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := core.Space.U8(0x20000); err == nil {
		t.Errorf("core has %q where nothing was dumped", got)
	}
}

func TestHostileCores(t *testing.T) {
	big := append(put64(nil, 1<<60, 4096), make([]byte, 64)...)
	overlap := append(put64(nil, 2, 4096, 0x10000, 0x12000, 0, 0x11000, 0x13000, 0), "/a\x00/b\x00"...)
	noName := put64(nil, 1, 4096, 0x10000, 0x12000, 0)
	img := note("pyfreeze", 1, nil)
	for what, data := range map[string][]byte{
		"file count":      makeCore(note("CORE", ntFile, big)),
		"file overlap":    makeCore(note("CORE", ntFile, overlap)),
		"file name":       makeCore(note("CORE", ntFile, noName)),
		"short prstatus":  makeCore(note("CORE", ntPrstatus, make([]byte, 8))),
		"short prpsinfo":  makeCore(note("CORE", ntPrpsinfo, make([]byte, 8))),
		"wraps round":     makeCore(img, load{^uint64(0) - 10, 100, elf.PF_W, []byte("x")}),
		"huge":            makeCore(img, load{0x1000, 1 << 62, elf.PF_W, []byte("x")}),
		"more file":       makeCore(nil, load{0x1000, 1, elf.PF_W, []byte("xxxx")}),
		"overlap":         makeCore(nil, load{0x1000, 4, elf.PF_W, []byte("xxxx")}, load{0x1002, 4, elf.PF_W, []byte("xxxx")}),
		"note too long":   makeCore(put32(nil, 4, 1<<31, 1, 0)),
		"note name":       makeCore(put32(nil, ^uint32(0), 0, 1)),
		"program headers": func() []byte { b := tinyCore(); order.PutUint64(b[32:], ^uint64(0)-8); return b }(),
		"header count":    func() []byte { b := tinyCore(); order.PutUint16(b[56:], 0xfffe); return b }(),
	} {
		if _, err := loadBytes(t, data); err == nil {
			t.Errorf("%s: no error", what)
		} else {
			t.Log(err)
		}
	}
}
