package pyheap

import (
	"bytes"
	"fmt"
	"strings"

	"pyfreeze/symbols"
)

// debugOffsetsOf are the structs that the members of _Py_DebugOffsets speak of (3.13, gh-100987; Include/internal/pycore_runtime.h, since
// 3.14 pycore_debug_offsets.h).
var debugOffsetsOf = map[string]string{
	"runtime_state": "_PyRuntimeState", "interpreter_state": "PyInterpreterState", "thread_state": "PyThreadState",
	"interpreter_frame": "_PyInterpreterFrame", "code_object": "PyCodeObject", "pyobject": "PyObject", "type_object": "PyTypeObject",
	"tuple_object": "PyTupleObject", "list_object": "PyListObject", "set_object": "PySetObject", "dict_object": "PyDictObject",
	"float_object": "PyFloatObject", "long_object": "PyLongObject", "bytes_object": "PyBytesObject", "unicode_object": "PyUnicodeObject",
	"gc": "_gc_runtime_state", "gen_object": "PyGenObject", "llist_node": "llist_node",
}

// debugOffsetPaths are the members whose names there are not those in the struct, after that a struct or "" for the one above.
var debugOffsetPaths = map[string][2]string{
	"runtime_state.finalizing":                   {"", "_finalizing"},
	"runtime_state.interpreters_head":            {"", "interpreters.head"},
	"interpreter_state.threads_head":             {"", "threads.head"},
	"interpreter_state.threads_main":             {"", "threads.main"},
	"interpreter_state.imports_modules":          {"", "imports.modules"},
	"interpreter_state.ceval_gil":                {"", "ceval.gil"},
	"interpreter_state.gil_runtime_state":        {"", "_gil"},
	"interpreter_state.gil_runtime_state_holder": {"", "_gil.last_holder"},
	"interpreter_state.gil_runtime_state_locked": {"", "_gil.locked"},
	"thread_state.status":                        {"", "_status"},
	"interpreter_frame.executable":               {"", "f_executable"},
	"code_object.filename":                       {"", "co_filename"},
	"code_object.name":                           {"", "co_name"},
	"code_object.qualname":                       {"", "co_qualname"},
	"code_object.linetable":                      {"", "co_linetable"},
	"code_object.firstlineno":                    {"", "co_firstlineno"},
	"code_object.argcount":                       {"", "co_argcount"},
	"code_object.localsplusnames":                {"", "co_localsplusnames"},
	"code_object.localspluskinds":                {"", "co_localspluskinds"},
	"tuple_object.ob_size":                       {"PyVarObject", "ob_size"},
	"list_object.ob_size":                        {"PyVarObject", "ob_size"},
	"bytes_object.ob_size":                       {"PyVarObject", "ob_size"},
	"type_object.tp_flags":                       {"", "tp_flags"},
	"long_object.lv_tag":                         {"", "long_value.lv_tag"},
	"long_object.ob_digit":                       {"", "long_value.ob_digit"},
	"unicode_object.state":                       {"PyASCIIObject", "state"},
	"unicode_object.length":                      {"PyASCIIObject", "length"},
}

// checkDebugOffsets compares the layouts with the offsets that the interpreter keeps of its own structs, from 3.13 on.
func (h *Heap) checkDebugOffsets() string {
	st, err := h.lay.Struct("_Py_DebugOffsets")
	if err != nil {
		return ""
	}
	b, ok := h.view.bytes(h.runtime, st.Size)
	if !ok || !bytes.HasPrefix(b, []byte("xdebugpy")) {
		return "_PyRuntime does not begin with the offsets of its structs"
	}
	compared := 0
	for i := range st.Fields {
		group := &st.Fields[i]
		about := debugOffsetsOf[group.Name]
		members, err := h.lay.StructOf(group.Type)
		if about == "" || err != nil {
			continue
		}
		for j := range members.Fields {
			m := &members.Fields[j]
			at := group.Offset + m.Offset
			if m.Size != 8 || at+8 > uint64(len(b)) {
				continue
			}
			want, ok := h.offsetNamed(about, group.Name, m.Name)
			if !ok {
				continue
			}
			compared++
			if got := le64(b, at); got != want {
				return fmt.Sprintf("%s.%s is %d in the interpreter, %d in the layouts", about, m.Name, got, want)
			}
		}
	}
	if compared < minChecked {
		return fmt.Sprintf("only %d of the interpreter's own offsets can be compared", compared)
	}
	return ""
}

// offsetNamed gives what the layouts say of a member of _Py_DebugOffsets.
func (h *Heap) offsetNamed(typ, group, member string) (uint64, bool) {
	if member == "size" {
		st, err := h.lay.Struct(typ)
		return sizeOf(st), err == nil
	}
	path := member
	if p, ok := debugOffsetPaths[group+"."+member]; ok {
		path = p[1]
		if p[0] != "" {
			typ = p[0]
		}
	}
	if rest, ok := strings.CutPrefix(path, "_gil."); ok {
		f, err := h.lay.Field("_gil_runtime_state", rest)
		g, err2 := h.lay.Field(typ, "_gil")
		return f.Offset + g.Offset, err == nil && err2 == nil
	}
	f, err := h.lay.Field(typ, path)
	return f.Offset, err == nil
}

func sizeOf(st *symbols.Struct) uint64 {
	if st == nil {
		return 0
	}
	return st.Size
}
