package restore

import (
	"fmt"
)

// Registers of the program.
const (
	rTmp = iota
	rThread
	rTid
	rTuple
	rCode
	rGlobals
	rRaw
	rRawLen
	rObj
	rFn
	rArgs
	rExc // and the two after it
	rExcValue
	rExcTrace
	rResult
)

// interpreter ties the frozen interpreter to the fresh process, then lets
// CPython treat it as the child of a fork.
func (c *compiler) interpreter(p *program) error {
	var err error
	py := func(name string) operand {
		f, e := c.pyFn(name)
		if e != nil && err == nil {
			err = e
		}
		return f
	}
	libc := func(name string) operand {
		f, e := c.libcFn(name)
		if e != nil && err == nil {
			err = e
		}
		return f
	}
	const sysGettid = 186
	const lcCtype = 0

	p.emitTo(rThread, opThread)
	p.emitTo(rTid, opSyscall, imm(sysGettid))
	if err := c.store(p, uint64(c.t.tstate), "PyThreadState", "thread_id", rThread); err != nil {
		return err
	}
	if c.t.lay.Has("PyThreadState", "native_thread_id") { // 3.11
		if err := c.store(p, uint64(c.t.tstate), "PyThreadState", "native_thread_id", rTid); err != nil {
			return err
		}
	}
	if err := c.store(p, uint64(c.t.runtime), "_PyRuntimeState", "main_thread", rThread); err != nil {
		return err
	}
	for _, at := range c.idents {
		p.emit(opStore64, imm(uint64(at)), reg(rThread))
	}
	key := p.words([]uint64{0})
	for i := 0; i < pthreadKeys; i++ {
		p.call(rTmp, libc("pthread_key_create"), key, imm(0))
		p.emit(opFailNZ, reg(rTmp))
	}
	tss, err2 := c.tssKey()
	if err2 != nil {
		return err2
	}
	p.call(rTmp, py("PyThread_tss_create"), imm(tss))
	p.emit(opFailNZ, reg(rTmp))
	p.call(rTmp, py("PyThread_tss_set"), imm(tss), imm(uint64(c.t.tstate)))
	p.call(rTmp, libc("setlocale"), imm(lcCtype), p.str(""))
	for _, fd := range c.fds { // a late close by a dead object must not hit a new descriptor
		p.emit(opReserve, imm(uint64(fd)))
	}
	c.reopen(p, c.again)
	if c.faults != nil && c.faults.stack != 0 {
		const sysSigaltstack = 131
		p.emitTo(rTmp, opSyscall, imm(sysSigaltstack), imm(c.faults.stack), imm(0))
	}
	p.call(rTmp, py("PyEval_AcquireThread"), imm(uint64(c.t.tstate)))
	p.call(rTmp, py("PyOS_AfterFork_Child"))
	if e := c.recursionRoom(p, py); e != nil {
		return e
	}
	for _, path := range []string{"threads_main", "threads.main"} { // 3.12 (gh-104341); 3.13: the thread in Py_RunMain
		if c.t.lay.Has("PyInterpreterState", path) {
			p.emitTo(rTmp, opSub, imm(uint64(c.t.tstate)), imm(0))
			if e := c.store(p, uint64(c.t.interp), "PyInterpreterState", path, rTmp); e != nil {
				return e
			}
		}
	}
	return err
}

// recursionRoom gives the main thread all the room for recursion of C code: what the frozen thread had used of it is not in use any more. How much that is
// nobody tells (a constant of the build, changed within 3.12), but a new thread state has it.
func (c *compiler) recursionRoom(p *program, py func(string) operand) error {
	const field = "c_recursion_remaining" // 3.12 (gh-91079), 3.13; 3.14 looks at the stack
	if !c.t.lay.Has("PyThreadState", field) {
		return nil
	}
	f, err := c.t.lay.Field("PyThreadState", field)
	if err != nil {
		return err
	}
	p.call(rObj, py("PyThreadState_New"), imm(uint64(c.t.interp)))
	p.emit(opFailZ, reg(rObj))
	p.emitTo(rTmp, opSub, reg(rObj), imm(-f.Offset))
	p.emitTo(rTmp, opLoad64, reg(rTmp))
	p.emit(opStore32, imm(uint64(c.t.tstate)+f.Offset), reg(rTmp))
	p.call(rTmp, py("PyThreadState_Clear"), reg(rObj))
	p.call(rTmp, py("PyThreadState_Delete"), reg(rObj))
	return nil
}

// tssKey is the address of the key under which threads find their tstate.
func (c *compiler) tssKey() (uint64, error) {
	for _, path := range []string{"autoTSSkey", "gilstate.autoTSSkey"} { // 3.12 moved it up
		if c.t.lay.Has("_PyRuntimeState", path) {
			at, _, err := c.t.field(c.t.runtime, "_PyRuntimeState", path)
			return uint64(at), err
		}
	}
	return 0, fmt.Errorf("%s: _PyRuntime has no autoTSSkey", c.in.Module.Path)
}

func (c *compiler) store(p *program, base uint64, typ, path string, r int) error {
	f, err := c.t.lay.Field(typ, path)
	if err != nil {
		return err
	}
	p.emit(opStore64, imm(base+f.Offset), reg(r))
	return nil
}

// python emits the part that runs Python code: the thaw script, then the
// program. Everything goes through the stable C API, by address.
func (c *compiler) python(p *program) error {
	var err error
	py := func(name string) operand {
		f, e := c.pyFn(name)
		if e != nil && err == nil {
			err = e
		}
		return f
	}
	item := func(dst int, key string) {
		p.call(dst, py("PyDict_GetItemString"), reg(rGlobals), p.str(key))
	}
	set := func(key string, v int) {
		p.call(rTmp, py("PyDict_SetItemString"), reg(rGlobals), p.str(key), reg(v))
		p.emit(opFailNZ, reg(rTmp))
	}
	p.call(rTuple, py("PyMarshal_ReadObjectFromString"), p.bytes(c.script), imm(uint64(len(c.script))))
	p.emit(opFailZ, reg(rTuple))
	p.call(rGlobals, py("PyDict_New"))
	p.call(rObj, py("PyEval_GetBuiltins"))
	p.emit(opFailZ, reg(rObj))
	set("__builtins__", rObj)
	p.call(rObj, py("PyTuple_GetItem"), reg(rTuple), imm(1))
	set("recipe_code", rObj)
	p.call(rObj, py("PyTuple_GetItem"), reg(rTuple), imm(2))
	set("config", rObj)
	p.emitTo(rRaw, opArgs)
	p.call(rObj, py("PyBytes_FromStringAndSize"), reg(rRaw), reg(rRawLen))
	p.emit(opFailZ, reg(rObj))
	set("strings", rObj)
	p.call(rObj, py("PyLong_FromUnsignedLongLong"), reg(regArgc))
	set("argc", rObj)
	p.emitTo(rTmp, opSigign)
	p.call(rObj, py("PyLong_FromUnsignedLongLong"), reg(rTmp))
	set("ignored", rObj)
	p.call(rObj, py("PyLong_FromUnsignedLongLong"), reg(regFlags))
	set("flags", rObj)

	p.call(rCode, py("PyTuple_GetItem"), reg(rTuple), imm(0))
	p.call(rResult, py("PyEval_EvalCode"), reg(rCode), reg(rGlobals), reg(rGlobals))
	p.ifZero(reg(rResult), func() {
		p.ifVerbose(func() { p.call(rTmp, py("PyErr_Print")) })
		p.emit(opFallback, p.str("the thaw script failed"))
	})
	item(rFn, "fallback")
	p.ifNonZero(reg(rFn), func() {
		p.call(rTmp, py("PyUnicode_AsUTF8"), reg(rFn))
		p.emit(opFailZ, reg(rTmp))
		p.emit(opFallback, reg(rTmp))
	})
	item(rFn, "run")
	p.emit(opFailZ, reg(rFn))
	item(rArgs, "run_args")
	p.emit(opFailZ, reg(rArgs))
	p.phase("thaw script")
	p.emit(opReady)

	// From here on the program runs. What it raises goes to finish().
	// A code object is evaluated without a frame or a level of recursion that a plain start would not have.
	codeType, ok := c.in.Module.File.Dynsym("PyCode_Type")
	if !ok {
		return fmt.Errorf("%s does not export PyCode_Type", c.in.Module.Path)
	}
	p.call(rTmp, py("PyObject_IsInstance"), reg(rFn), imm(uint64(c.in.Bias+codeType.Addr)))
	p.emitTo(rRaw, opAnd, reg(rTmp), imm(1))
	p.ifNonZero(reg(rRaw), func() { p.call(rResult, py("PyEval_EvalCode"), reg(rFn), reg(rArgs), reg(rArgs)) })
	p.ifZero(reg(rRaw), func() { p.call(rResult, py("PyObject_CallObject"), reg(rFn), reg(rArgs)) })
	exc := p.words([]uint64{0, 0, 0})
	p.ifZero(reg(rResult), func() {
		at := func(i uint64) operand { return operand{kindProg, exc.v + 8*i} }
		p.call(rTmp, py("PyErr_Fetch"), at(0), at(1), at(2))
		p.call(rTmp, py("PyErr_NormalizeException"), at(0), at(1), at(2))
		p.emitTo(rExcValue, opLoad64, at(1))
		p.emitTo(rExcTrace, opLoad64, at(2))
		p.ifNonZero(reg(rExcTrace), func() {
			p.call(rTmp, py("PyException_SetTraceback"), reg(rExcValue), reg(rExcTrace))
		})
		set("raised", rExcValue)
	})
	item(rFn, "finish")
	p.call(rResult, py("PyObject_CallObject"), reg(rFn), imm(0))
	p.call(rTmp, py("PyErr_Print"))
	p.emit(opDie, imm(1))
	return err
}
