package stub

import (
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// blob is the loader stub as far as it is not zero: a flat, position-independent binary (`make stub`).
//
//go:embed stub.bin
var blob []byte

// Layout is struct stub of abi.h, at the start of the stub: offsets from there.
type Layout struct {
	Magic                       uint64
	Version                     uint32
	Text, Used, End, Run, Stack uint32
	Thaw, Agent, Trap, Restorer uint32
}

// Way is struct way: how one kind of run comes to the thaw script.
type Way struct {
	Way, Flags, Config, ConfigLen, NPokes, Pokes uint32
	NThreads, NChanges, Changes, _               uint32
	Relock                                       uint64
}

// Op is struct op: one step of placing memory.
type Op struct {
	Addr, Len, Off uint64
	Kind, Prot     uint32
	Flags, _       uint32
}

// File is struct file: what tells whether a file is still the one that was frozen. A Size of ^0 is not compared.
type File struct {
	Dev, Ino, Size, MtimeNs uint64
	Path, _                 uint32
}

// FD is struct fd: a descriptor that is made again.
type FD struct {
	FD, Other    int32
	Kind, Flags  uint32
	Offset       uint64
	Path, NHolds uint32
	Holds, File  uint32
}

// Thread is struct thread.
type Thread struct {
	FS, GS                 uint64
	TidAt, ClearAt         uint64
	Rseq, RseqLen, RseqSig uint64
	Robust, RobustLen      uint64
	Frame                  uint32
	NTids, Tids, _         uint32
	Name                   [16]byte
}

// Poke is struct poke: a word of memory that one way of running an image changes.
type Poke struct {
	Addr, Value uint64
	Size, _     uint32
}

// Change is struct change: what the program has set for itself in the kernel since its start.
type Change struct {
	Kind, Which uint32
	A, B        uint64
}

// Learn is learn of struct head: code of modules that a thaw may import, and what of the
// collector's state is not to notice that it is loaded. Code and Len are of marshalled code in the
// memory of the process; Enabled, Count and Young are addresses of fields of _gc_runtime_state.
type Learn struct {
	Code, Len             uint64
	Enabled, Count, Young uint64
}

// Head is struct head: what the stub is told at the freeze.
type Head struct {
	Magic                          uint64
	Version, Size                  uint32
	Base                           uint64
	Fn                             [Functions]uint64
	Point                          uint64
	Forked                         uint64
	Script                         uint64
	Code, CodeLen                  uint32
	Learned                        uint64
	Hooks                          uint64
	Learn                          Learn
	Ways                           [2]Way
	Exe                            uint32
	PID                            int32
	HooksPID, _                    int32
	NOps, Ops                      uint32
	NFDs, FDs                      uint32
	NThreads, Threads              uint32
	NWords, Words                  uint32
	NObjects, Objects              uint32
	NHush, Hush                    uint32
	Note, NoteLen                  uint32
	NPlain, Plain                  uint32
	VDSO                           [4][2]uint64
	NVDSO, VDSOSum                 uint32
	Actions                        uint64
	StartMask, StartIgnored        uint64
	PointMask                      uint64
	StackLow, StackEnd, StackFloor uint64
	Environ                        uint64
	MM                             [7]uint64
	AuxvAt                         uint64
	OrigArgv                       uint64
	Auxv, AuxvLen                  uint32
	Comm                           [16]byte
}

var le = binary.LittleEndian

// HeadSize is sizeof(struct head).
var HeadSize = uint64(binary.Size(Head{}))

// Own returns the layout of the stub that is part of this binary.
func Own() Layout {
	l, err := ReadLayout(blob)
	if err != nil {
		panic(err) // a build that is broken; TestBlob fails
	}
	return l
}

// ErrVersion says that a stub is that of another version of pyfreeze.
var ErrVersion = errors.New("its loader stub is of another version of pyfreeze")

// ReadLayout reads and checks the start of a stub, which may come from an image. The error is ErrVersion.
func ReadLayout(b []byte) (l Layout, err error) {
	if _, err := binary.Decode(b, le, &l); err != nil || l.Magic != Magic || l.Version != Version || l.Used > l.End {
		return l, ErrVersion
	}
	return l, nil
}

// Tables collects what follows struct head. Offsets are from struct head.
type Tables struct{ b []byte }

// Bytes appends b, aligned to 64 bytes where it is long, else to 8, and returns its offset.
func (t *Tables) Bytes(b []byte) uint32 {
	align := uint64(8)
	if len(b) >= 512 {
		align = 64
	}
	for (HeadSize+uint64(len(t.b)))%align != 0 {
		t.b = append(t.b, 0)
	}
	off := uint32(HeadSize) + uint32(len(t.b))
	t.b = append(t.b, b...)
	return off
}

// Set replaces what Bytes has appended at an offset by as many other bytes.
func (t *Tables) Set(off uint32, b []byte) { copy(t.b[uint64(off)-HeadSize:], b) }

// Str appends a string with a NUL behind.
func (t *Tables) Str(s string) uint32 { return t.Bytes(append([]byte(s), 0)) }

// Words appends 64-bit words.
func (t *Tables) Words(w []uint64) uint32 {
	b := make([]byte, 0, 8*len(w))
	for _, v := range w {
		b = le.AppendUint64(b, v)
	}
	return t.Bytes(b)
}

// Encode appends structures of this package, and returns the offset of the first.
func Encode[T any](t *Tables, list []T) uint32 {
	var b []byte
	for i := range list {
		var err error
		if b, err = binary.Append(b, le, &list[i]); err != nil {
			panic(fmt.Sprintf("stub: %T cannot be encoded: %v", list[i], err)) // no fixed size: a fault of this package
		}
	}
	return t.Bytes(b)
}

// Region returns the stub's memory as it is at the start of a freeze: text, variables, struct head, tables.
func (h *Head) Region(t *Tables) []byte {
	out := make([]byte, Own().End)
	copy(out, blob)
	return append(out, h.encode(t)...)
}

// Program returns what an image holds of that: the stub as far as it is not zero, struct head, tables.
func (h *Head) Program(t *Tables) []byte {
	return append(append([]byte{}, blob...), h.encode(t)...)
}

func (h *Head) encode(t *Tables) []byte {
	h.Magic, h.Version, h.Size = Magic, Version, uint32(HeadSize)+uint32(len(t.b))
	b, err := binary.Append(nil, le, h)
	if err != nil {
		panic(err) // as in Encode
	}
	return append(b, t.b...)
}

// Checksum is the CRC-32C of what the stub compares: crc32c() in src.
func Checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// ReadProgram reads struct head of a program note, and returns what follows the stub.
func ReadProgram(note []byte) (h Head, rest []byte, err error) {
	l, err := ReadLayout(note)
	if err != nil {
		return h, nil, err
	}
	if uint64(l.Used)+HeadSize > uint64(len(note)) {
		return h, nil, ErrVersion
	}
	rest = note[l.Used:]
	if _, err := binary.Decode(rest, le, &h); err != nil || h.Magic != Magic || h.Version != Version || int(h.Size) != len(rest) {
		return h, nil, ErrVersion
	}
	if uint64(l.End)+uint64(h.Size) > RegionArgs { // as known_program() in src/image.c
		return h, nil, ErrVersion
	}
	return h, rest, nil
}

// ForkedAt, ScriptAt, LearnedAt and HooksAt are the offsets of fields of Head.
var (
	ForkedAt  = layouts["Head"].fields["forked"]
	ScriptAt  = layouts["Head"].fields["script"]
	LearnedAt = layouts["Head"].fields["learned"]
	HooksAt   = layouts["Head"].fields["hooks"]
)
