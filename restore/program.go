package restore

// A thaw program is what the stub interprets: tables and a list of operations,
// compiled at freeze time so that all knowledge of versions and layouts stays
// in Go. The structures here are those of stub/abi.h.

// opcode is one of the operations of stub/abi.h.
type opcode uint8

const (
	opEnd opcode = iota
	opCall
	opSyscall
	opStore64
	opStore32
	opSkipZ
	opSkipNZ
	opFailZ
	opFailNZ
	opMap
	opPread
	opSave
	opRestore
	opReloc
	opFilter
	opLibAt
	opUnhook
	opArgs
	opSigign
	opThread
	opPhase
	opReady
	opFallback
	opLoad64
	opDie
	opReserve
	opAnd
	opSub
	opExtensions
)

// Registers that the stub fills before the first operation; the others, 0 to
// 23, are the program's.
const (
	regArgc  = 24
	regFlags = 27
)

type operandKind uint8

const (
	kindImm operandKind = iota
	kindReg
	kindLib
	kindProg
)

// operand is a value known at freeze time, a register, an address in a
// library that may have moved, or an address inside the program.
type operand struct {
	kind operandKind
	v    uint64
}

func imm(v uint64) operand       { return operand{kindImm, v} }
func reg(n int) operand          { return operand{kindReg, uint64(n)} }
func inProgram(o uint32) operand { return operand{kindProg, uint64(o)} }

// inLib is the address at offset off of library lib, wherever it lies.
func inLib(lib int, off uint64) operand { return operand{kindLib, uint64(lib)<<48 | off} }

type operation struct {
	code opcode
	dst  int
	args []operand
}

// library is one ELF file of the frozen process besides the interpreter.
type library struct {
	Name               string // for reports
	Ino, Size, MtimeNs uint64
	Base, Span         uint64
	Fixed              bool
}

// earlyMap is frozen memory placed before ld.so runs.
type earlyMap struct {
	Addr, MemLen, FileOff, FileLen uint64
	Prot                           uint32
}

// piece is a part of an executable that the kernel maps, from the executable's base on.
type piece struct{ Off, Len uint64 }

// program is a thaw program before it is encoded.
type program struct {
	exeEntry  uint64 // of a position-independent executable, relative to its base
	exe       int    // that executable in libs; -1: it is not position-independent
	pieces    []piece
	exePath   string
	libs      []library
	libc      int
	ldso      int
	maps      []earlyMap
	files     []fileMap
	sites     []uint32 // mmap system calls of ld.so, relative to its base
	textLo    uint32   // the pages of ld.so that hold them
	textHi    uint32
	ranges    [][2]uint64 // frozen memory that the malloc filter leaves alone
	startMain uint64      // offsets in libc
	malloc    uint64
	free      uint64
	realloc   uint64
	usable    uint64
	ops       []operation
	blob      []byte // strings, tables, code: what operands of kindProg address
}

func (p *program) emit(code opcode, args ...operand) {
	p.ops = append(p.ops, operation{code: code, args: args})
}

func (p *program) emitTo(dst int, code opcode, args ...operand) {
	p.ops = append(p.ops, operation{code: code, dst: dst, args: args})
}

// placeEarly adds a piece of early memory, joined to the one before where both lie side by side.
func (p *program) placeEarly(m earlyMap) {
	if n := len(p.maps); n > 0 {
		l := &p.maps[n-1]
		if l.Addr+l.MemLen == m.Addr && l.FileOff+l.FileLen == m.FileOff && l.MemLen == l.FileLen && l.Prot == m.Prot {
			l.MemLen += m.MemLen
			l.FileLen += m.FileLen
			return
		}
	}
	p.maps = append(p.maps, m)
}

// call emits a call whose result goes to register dst.
func (p *program) call(dst int, fn operand, args ...operand) {
	p.emitTo(dst, opCall, append([]operand{fn}, args...)...)
}

// ifNonZero emits a conditional block: body runs only if v is not zero.
func (p *program) ifNonZero(v operand, body func()) {
	at := len(p.ops)
	p.emit(opSkipZ, v, imm(0))
	body()
	p.ops[at].args[1] = imm(uint64(len(p.ops) - at - 1))
}

// ifZero emits a conditional block: body runs only if v is zero.
func (p *program) ifZero(v operand, body func()) {
	at := len(p.ops)
	p.emit(opSkipNZ, v, imm(0))
	body()
	p.ops[at].args[1] = imm(uint64(len(p.ops) - at - 1))
}

// ifVerbose emits a block for `run -v` only.
func (p *program) ifVerbose(body func()) {
	const rScratch = 23
	p.emitTo(rScratch, opAnd, reg(regFlags), imm(runVerbose))
	p.ifNonZero(reg(rScratch), body)
}

// bytes stores b in the program, aligned to eight, and returns its address.
func (p *program) bytes(b []byte) operand {
	for len(p.blob)%8 != 0 {
		p.blob = append(p.blob, 0)
	}
	off := uint32(len(p.blob))
	p.blob = append(p.blob, b...)
	return inProgram(progHeader + off)
}

// str stores a NUL-terminated string.
func (p *program) str(s string) operand { return p.bytes(append([]byte(s), 0)) }

// words stores a table of 64-bit words.
func (p *program) words(w []uint64) operand {
	b := make([]byte, 0, 8*len(w))
	for _, v := range w {
		b = le.AppendUint64(b, v)
	}
	return p.bytes(b)
}

// phase ends a phase of the thaw, for `run --timings`.
func (p *program) phase(name string) { p.emit(opPhase, p.str(name)) }
