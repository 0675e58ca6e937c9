package snapshot

import (
	"strings"

	"pyfreeze/procmem"
	"pyfreeze/restore/stub"
	"pyfreeze/symbols"
)

// pythonFunctions are what the stub calls of the interpreter, all of them exported by every version (Include/).
var pythonFunctions = map[int]string{
	stub.FnBefore: "PyOS_BeforeFork", stub.FnParent: "PyOS_AfterFork_Parent", stub.FnChild: "PyOS_AfterFork_Child",
	stub.FnEnsure: "PyGILState_Ensure", stub.FnRelease: "PyGILState_Release", stub.FnLoads: "PyMarshal_ReadObjectFromString",
	stub.FnDict: "PyDict_New", stub.FnDictSet: "PyDict_SetItemString", stub.FnDictGet: "PyDict_GetItemString",
	stub.FnTupleGet: "PyTuple_GetItem", stub.FnBytes: "PyBytes_FromStringAndSize", stub.FnLong: "PyLong_FromUnsignedLongLong",
	stub.FnUTF8: "PyUnicode_AsUTF8", stub.FnBuiltins: "PyEval_GetBuiltins", stub.FnEval: "PyEval_EvalCode",
	stub.FnCall: "PyObject_CallObject", stub.FnFetch: "PyErr_Fetch", stub.FnNormalize: "PyErr_NormalizeException",
	stub.FnTraceback: "PyException_SetTraceback", stub.FnPrint: "PyErr_Print",
	stub.FnDecref: "Py_DecRef", stub.FnRestore: "PyErr_Restore",
	stub.FnRawMalloc: "PyMem_RawMalloc", stub.FnDecode: "Py_DecodeLocale",
	stub.FnSys: "PySys_GetObject",
}

// evalCode is where the interpreter begins to execute a module. Precondition: ToPython has
// returned.
func (c *Command) evalCode() procmem.Addr { return procmem.Addr(c.fn[stub.FnEval]) }

// Functions returns the addresses of what the stub calls in a process. Errors: *symbols.NotPythonError.
func Functions(in *symbols.Interpreter, maps []procmem.Mapping, mem procmem.Reader) (fn [stub.Functions]uint64, err error) {
	if err := in.Supported(); err != nil {
		return fn, err
	}
	for n, name := range pythonFunctions {
		sym, ok := in.Module.File.Dynsym(name)
		if !ok {
			return fn, &symbols.NotPythonError{Path: in.Module.Path, Reason: "it does not export " + name}
		}
		fn[n] = uint64(in.Bias + sym.Addr)
	}
	mods, err := symbols.ModulesIn(maps, mem)
	defer symbols.CloseModules(mods)
	for i := range mods {
		m := &mods[i]
		if m.File != nil && strings.HasPrefix(m.File.Soname(), "libc.so") {
			if sym, ok := m.File.Dynsym("fork"); ok {
				fn[stub.FnFork] = uint64(m.Bias + sym.Addr)
				return fn, nil
			}
		}
	}
	if err != nil {
		return fn, err
	}
	return fn, &symbols.NotPythonError{Path: in.Module.Path, Reason: "the fork() of its C library is not to be found"}
}
