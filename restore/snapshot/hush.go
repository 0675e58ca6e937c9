package snapshot

import (
	"pyfreeze/procmem"
	"pyfreeze/restore/stub"
	"pyfreeze/symbols"
)

// hushes are words of the interpreter that say whether hooks of the program see what is executed:
// PyThreadState_EnterTracing() of Python/ceval.c and pystate.c, and what PySys_Audit() looks at in
// Python/sysmodule.c. A version has not all of them.
var hushes = []struct {
	typ, through, in, field string // in: the struct that the field through of typ points to
	add                     uint64 // to what is there; else the word is 0 meanwhile
}{
	{"PyThreadState", "", "", "tracing", 1},                    // all; it also keeps sys.monitoring quiet (3.12, PEP 669)
	{"PyThreadState", "", "", "use_tracing", 0},                // 3.8, 3.9
	{"PyThreadState", "cframe", "CFrame", "use_tracing", 0},    // 3.10 (bpo-43760)
	{"PyThreadState", "cframe", "_PyCFrame", "use_tracing", 0}, // 3.11
	{"PyInterpreterState", "", "", "audit_hooks", 0},           // 3.8 (PEP 578): of Python
	{"_PyRuntimeState", "", "", "audit_hook_head", 0},          // 3.8-3.11: in C
	{"_PyRuntimeState", "", "", "audit_hooks.head", 0},         // 3.12 (gh-99113)
}

// Hush returns what keeps the hooks of the program (sys.setprofile, sys.settrace, sys.monitoring,
// sys.addaudithook) from seeing what the agent of the stub does in a thread.
func Hush(in *symbols.Interpreter, lay *symbols.Layout, mem procmem.Reader, tstate procmem.Addr) (out []stub.Poke) {
	word := func(at procmem.Addr, size uint64) uint64 {
		var b [8]byte
		if _, err := mem.ReadAt(b[:size], at); err != nil {
			return 0
		}
		return le.Uint64(b[:])
	}
	objects := map[string]procmem.Addr{"PyThreadState": tstate}
	if f, err := lay.Field("PyThreadState", "interp"); err == nil && tstate != 0 {
		objects["PyInterpreterState"] = procmem.Addr(word(tstate+procmem.Addr(f.Offset), 8))
	}
	if sym, ok := in.Module.File.Dynsym("_PyRuntime"); ok {
		objects["_PyRuntimeState"] = in.Bias + sym.Addr
	}
	for _, h := range hushes {
		at, typ := objects[h.typ], h.typ
		if h.through != "" && at != 0 {
			f, err := lay.Field(typ, h.through)
			if err != nil || !lay.Has(h.in, h.field) {
				continue
			}
			at, typ = procmem.Addr(word(at+procmem.Addr(f.Offset), 8)), h.in
		}
		if at == 0 || !lay.Has(typ, h.field) {
			continue
		}
		f, err := lay.Field(typ, h.field)
		if err != nil || f.Size != 1 && f.Size != 4 && f.Size != 8 {
			continue
		}
		at += procmem.Addr(f.Offset)
		value := uint64(0)
		if h.add > 0 {
			value = word(at, f.Size) + h.add
		}
		out = append(out, stub.Poke{Addr: uint64(at), Value: value, Size: uint32(f.Size)})
	}
	return out
}
