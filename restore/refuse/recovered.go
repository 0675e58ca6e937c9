package refuse

import (
	"strings"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/symbols"
)

// recovery tells how a static variable is found in an interpreter without symbols: by what a function does with it.
type recovery struct {
	name     string // the variable
	function string // exported by the interpreter, or the Python path of a function that is written in C
	depth    int    // of the calls that are followed
	minor    int    // the last minor version that has the variable
	like     func(a *symbols.StaticAccess) bool
}

// recoveries are the variables of C files that a freeze needs to know of.
var recoveries = []recovery{
	// Modules/signalmodule.c, "static volatile struct {fd; ...} wakeup": the old is read, the new one stored. Part of the
	// runtime's state since 3.12 (gh-81057).
	{"wakeup.fd", "_signal.set_wakeup_fd", 1, 11, func(a *symbols.StaticAccess) bool {
		return a.Size == 4 && a.Read && a.Write && len(a.Stores) == 0
	}},
	// Modules/faulthandler.c, "static struct {file, fd, ..., header, ...} thread": set back to NULL. Part of the runtime's
	// state since 3.12 (gh-57684).
	{"thread.file", "faulthandler.cancel_dump_traceback_later", 1, 11, func(a *symbols.StaticAccess) bool {
		return a.Size == 8 && a.Read && a.Write
	}},
}

// recovered gives the run-time addresses of the words that may be the variable; nil where its function is not there.
func (t *Target) recovered(name string) (out []procmem.Addr) {
	in := t.Heap.Interpreter()
	for _, r := range recoveries {
		if r.name != name || in.Version.Minor > r.minor {
			continue
		}
		entry, ok := entryOfFunction(t.Heap, r.function)
		if !ok {
			return nil
		}
		for _, a := range in.Module.File.StaticAccesses(entry, r.depth) {
			at := a.Addr + t.Bias
			if st, err := t.Layout.Struct("_PyRuntimeState"); err == nil && at >= t.Runtime && uint64(at-t.Runtime) < st.Size {
				continue
			}
			if r.like(&a) {
				out = append(out, at)
			}
		}
	}
	return out
}

// entryOfFunction gives the link-time address of the code of an exported function, or of a function of a module that C code has.
func entryOfFunction(h *pyheap.Heap, function string) (procmem.Addr, bool) {
	in := h.Interpreter()
	if !strings.ContainsRune(function, '.') {
		sym, ok := in.Module.File.Dynsym(function)
		return sym.Addr, ok
	}
	obj, err := h.Lookup(function)
	if err != nil {
		return 0, false // its module is not imported
	}
	def, err := h.CField(obj, "m_ml")
	if err != nil {
		return 0, false
	}
	var code [8]byte
	if _, err := h.Space().ReadAt(code[:], procmem.Addr(def+8)); err != nil { // ml_meth
		return 0, false
	}
	at := procmem.Addr(le.Uint64(code[:]))
	return at - in.Bias, in.Module.Range.Contains(at)
}
