package snapshot

import (
	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/symbols"
)

// stackReader reads the Python stack of a thread of a stopped process, a few words of each frame.
type stackReader struct {
	mem                  procmem.Reader
	code                 *codeReader
	kind                 procmem.Addr // PyCode_Type
	textType, bufferType procmem.Addr // _io.TextIOWrapper, _io.BufferedWriter; 0: not known
	ints                 procmem.Addr // PyLong_Type

	current, through   uint64 // of PyThreadState; of what that points to, or none
	previous           uint64
	executable, instr  uint64
	owner, entry       uint64 // none where a version has no such field
	locals             uint64
	interpreterFrames  bool // 3.11 and later
	lastiUnits, minor  int64
	firstLine, bytes   uint64    // of PyCodeObject
	lines              uint64    // its co_linetable, until 3.9 co_lnotab
	names              uint64    // its co_names
	text, buffer       uint64    // of textio: pending_bytes_count, buffer
	writePos, writeEnd uint64    // of buffered
	keys               uint64    // PyDictObject.ma_keys
	threads, nextState uint64    // PyInterpreterState.threads.head, PyThreadState.next
	interp             uint64    // PyThreadState.interp
	forks              [3]uint64 // PyInterpreterState: lists of what os.register_at_fork was given
	list, of, method   uint64    // PyListObject.ob_item, func_code, im_func
	self               uint64    // PyCFunctionObject.m_self
	builtin            procmem.Addr
}

const none = ^uint64(0)

// pyFrame is an activation of Python code.
type pyFrame struct {
	addr, code procmem.Addr
	at         int64 // offset of the instruction under way, in bytes
	// exact says that at is where that instruction begins, not within.
	exact bool
}

func newStackReader(in *symbols.Interpreter, lay *symbols.Layout,
	mem procmem.Reader) (*stackReader, error) {
	code, err := newCodeReader(lay, mem)
	if err != nil {
		return nil, err
	}
	s := &stackReader{mem: mem, code: code, through: none, owner: none, entry: none,
		minor: int64(in.Version.Minor), lastiUnits: 1}
	for name, to := range map[string]*procmem.Addr{"PyCode_Type": &s.kind, "PyLong_Type": &s.ints,
		"PyCFunction_Type": &s.builtin} {
		sym, ok := in.Module.File.Dynsym(name)
		if !ok {
			return nil, &symbols.NotPythonError{Path: in.Exe, Reason: "it does not export " + name}
		}
		*to = in.Bias + sym.Addr
	}
	s.interpreterFrames = lay.Has("_PyInterpreterFrame", "previous")
	frame := "_PyInterpreterFrame"
	if !s.interpreterFrames {
		frame = "PyFrameObject"
	}
	if in.Version.Minor == 10 {
		s.lastiUnits = 2 // f_lasti counts code units since 3.10 (bpo-27129)
	}
	field := func(to *uint64, typ string, names ...string) {
		for _, name := range names {
			if lay.Has(typ, name) {
				f, ferr := lay.Field(typ, name)
				if ferr == nil {
					*to = f.Offset
					return
				}
			}
		}
		if *to != none && err == nil {
			_, err = lay.Field(typ, names[0])
		}
	}
	switch {
	case lay.Has("PyThreadState", "current_frame"): // 3.13
		field(&s.current, "PyThreadState", "current_frame")
	case lay.Has("PyThreadState", "cframe") && s.interpreterFrames: // 3.11, 3.12
		field(&s.current, "PyThreadState", "cframe")
		s.through = 0
		field(&s.through, "_PyCFrame", "current_frame")
	default:
		field(&s.current, "PyThreadState", "frame")
	}
	field(&s.previous, frame, "previous", "f_back")
	field(&s.executable, frame, "f_executable", "f_code")
	field(&s.instr, frame, "instr_ptr", "prev_instr", "f_lasti")
	field(&s.locals, frame, "localsplus", "f_localsplus")
	field(&s.owner, frame, "owner")
	field(&s.entry, frame, "is_entry")
	field(&s.firstLine, "PyCodeObject", "co_firstlineno")
	field(&s.lines, "PyCodeObject", "co_linetable", "co_lnotab")
	field(&s.names, "PyCodeObject", "co_names")
	s.text, s.writeEnd = none, none
	field(&s.text, "textio", "pending_bytes_count") // Modules/_io/textio.c
	field(&s.buffer, "textio", "buffer")
	field(&s.writePos, "buffered", "write_pos") // Modules/_io/bufferedio.c
	field(&s.writeEnd, "buffered", "write_end")
	field(&s.bytes, "PyCodeObject", "co_code_adaptive", "co_code")
	field(&s.keys, "PyDictObject", "ma_keys")
	field(&s.threads, "PyInterpreterState", "threads.head", "tstate_head")
	field(&s.nextState, "PyThreadState", "next")
	field(&s.interp, "PyThreadState", "interp")
	for i, name := range []string{"before_forkers", "after_forkers_parent", "after_forkers_child"} {
		field(&s.forks[i], "PyInterpreterState", name) // 3.7 (bpo-16500)
	}
	field(&s.list, "PyListObject", "ob_item")
	field(&s.of, "PyFunctionObject", "func_code")
	field(&s.method, "PyMethodObject", "im_func")
	field(&s.self, "PyCFunctionObject", "m_self")
	return s, err
}

// atFork lists what os.register_at_fork was given.
func (s *stackReader) atFork(tstate procmem.Addr) (out []procmem.Addr) {
	const most = 1 << 12
	interp := s.word(tstate, s.interp)
	for _, off := range s.forks {
		list := s.word(interp, off)
		items, n := s.word(list, s.list), s.word(list, s.code.size)
		for i := range min(uint64(n), most) {
			out = append(out, s.word(items, 8*i))
		}
	}
	return out
}

// forkFiles returns the files of functions that run at a fork. Some of them put the state of their
// module back, locks that are held and calls under way included.
func (s *stackReader) forkFiles(tstate procmem.Addr) map[string]bool {
	out := map[string]bool{}
	for _, f := range s.atFork(tstate) {
		for _, code := range []procmem.Addr{s.word(f, s.of), s.word(s.word(f, s.method), s.of)} {
			if code != 0 && s.word(code, s.code.typ) == s.kind {
				out[s.file(code)] = true
			}
		}
	}
	return out
}

// forkSelves returns the objects whose methods in C run at a fork: locks, which are taken
// meanwhile.
func (s *stackReader) forkSelves(tstate procmem.Addr) map[procmem.Addr]bool {
	out := map[procmem.Addr]bool{}
	for _, f := range s.atFork(tstate) {
		if self := s.word(f, s.self); self != 0 && s.word(f, s.code.typ) == s.builtin {
			out[self] = true
		}
	}
	return out
}

func (s *stackReader) word(at procmem.Addr, off uint64) procmem.Addr {
	v, err := s.code.word(at + procmem.Addr(off))
	if at == 0 || err != nil {
		return 0
	}
	return v
}

// frames returns at most so many frames of a thread, newest first.
func (s *stackReader) frames(tstate procmem.Addr, most int) (out []pyFrame) {
	const ownedByC = 3 // FRAME_OWNED_BY_CSTACK, or in 3.14 BY_INTERPRETER (pycore_frame.h)
	at := s.word(tstate, s.current)
	if s.through != none && at != 0 {
		at = s.word(at, s.through)
	}
	fromC := true // the frame above was entered from C: this one's instruction is exact
	for n := 0; at != 0 && n < 1<<12 && len(out) < most; n++ {
		f := pyFrame{addr: at, code: s.word(at, s.executable) &^ 3, exact: fromC}
		owned := s.owner != none && s.byte(at, s.owner) >= ownedByC && s.minor >= 12
		if owned || s.word(f.code, s.code.typ) != s.kind {
			fromC = true // 3.12 and later: a frame between Python and C
		} else {
			f.at = s.instruction(at, f.code)
			if s.minor <= 10 || s.minor >= 13 {
				f.exact = true // what is under way is where it began
			} else if start, ok := s.callStart(f.code, f.at); ok && !f.exact {
				f.at, f.exact = start, true
			}
			out = append(out, f)
			fromC = s.entry != none && s.byte(at, s.entry) != 0 // 3.11
		}
		at = s.word(at, s.previous)
	}
	return out
}

func (s *stackReader) instruction(frame, code procmem.Addr) int64 {
	if s.interpreterFrames {
		return int64(s.word(frame, s.instr)) - int64(code) - int64(s.bytes)
	}
	return int64(int32(s.word(frame, s.instr))) * s.lastiUnits
}

func (s *stackReader) byte(at procmem.Addr, off uint64) uint8 {
	var b [1]byte
	if _, err := s.mem.ReadAt(b[:], at+procmem.Addr(off)); err != nil {
		return 0
	}
	return b[0]
}

// file returns the file of a code object.
func (s *stackReader) file(code procmem.Addr) string { return s.code.str(code, s.code.file) }

// name returns its name.
func (s *stackReader) name(code procmem.Addr) string { return s.code.str(code, s.code.name) }

// line returns its first line.
func (s *stackReader) line(code procmem.Addr) int {
	return int(int32(s.word(code, s.firstLine)))
}

// uses says whether a code object has a name of something that it looks up.
func (s *stackReader) uses(code procmem.Addr, name string) bool {
	const most = 1 << 12
	tuple := s.word(code, s.names)
	for i := range min(uint64(s.word(tuple, s.code.size)), most) {
		if s.code.chars(s.word(tuple, s.code.item+8*i)) == name {
			return true
		}
	}
	return false
}

// units returns the instructions from one offset of a code object on, as in memory now.
func (s *stackReader) units(code procmem.Addr, at int64, n int) []byte {
	first, err := s.code.firstInstruction(code)
	if err != nil {
		return nil
	}
	b := make([]byte, n)
	if _, err := s.mem.ReadAt(b, first+procmem.Addr(at)); err != nil {
		return nil
	}
	return b
}

// local returns a local variable of a frame.
func (s *stackReader) local(f pyFrame, n int) procmem.Addr {
	v := s.word(f.addr, s.locals+8*uint64(n))
	if s.minor >= 14 {
		v &^= 3 // a _PyStackRef (pycore_stackref.h)
	}
	return v
}

// others says whether the interpreter has another thread of Python than the given.
func (s *stackReader) others(tstate procmem.Addr) bool {
	head := s.word(s.word(tstate, s.interp), s.threads)
	return head != 0 && (head != tstate || s.word(head, s.nextState) != 0)
}

// lineAt returns the source line that a frame is in; 0 where that is not known.
func (s *stackReader) lineAt(f pyFrame) int {
	return pyheap.LineAt(s.lineTable(f.code), s.line(f.code), f.at, int(s.minor))
}

// lineStart returns the offset of the first of the instructions of a line that lead to the one at
// which a frame is.
func (s *stackReader) lineStart(f pyFrame) int64 {
	const unit, most = 2, 1000
	table, first := s.lineTable(f.code), s.line(f.code)
	line, at := pyheap.LineAt(table, first, f.at, int(s.minor)), f.at
	for range most {
		if at < unit || pyheap.LineAt(table, first, at-unit, int(s.minor)) != line {
			break
		}
		at -= unit
	}
	return at
}

// lineTable reads what tells the lines of a code object; nil where it cannot be read.
func (s *stackReader) lineTable(code procmem.Addr) []byte {
	const most, text = 1 << 20, 32 // offsetof(PyBytesObject, ob_sval)
	table := s.word(code, s.lines)
	n := s.word(table, s.code.size)
	if n == 0 || n > most {
		return nil
	}
	b := make([]byte, n)
	if _, err := s.mem.ReadAt(b, table+text); err != nil {
		return nil
	}
	return b
}
