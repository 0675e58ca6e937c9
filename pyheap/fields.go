package pyheap

import (
	"fmt"
	"strings"

	"pyfreeze/symbols"
)

// PyMemberDef types that are object pointers: T_OBJECT and T_OBJECT_EX.
const (
	memberObject   = 6
	memberObjectEx = 16
	maxMembers     = 1 << 12
)

// pythonNames are attributes that Python gives C fields under another name.
var pythonNames = map[string]string{
	"func_globals": "__globals__", "func_builtins": "__builtins__", "func_name": "__name__",
	"func_qualname": "__qualname__", "func_code": "__code__", "func_defaults": "__defaults__",
	"func_kwdefaults": "__kwdefaults__", "func_closure": "__closure__", "func_doc": "__doc__",
	"func_dict": "__dict__", "func_module": "__module__", "func_annotations": "__annotations__",
	"im_func": "__func__", "im_self": "__self__", "m_self": "__self__", "m_module": "__module__",
	"tp_dict": "__dict__", "tp_mro": "__mro__", "tp_base": "__base__", "tp_bases": "__bases__",
	"tp_subclasses": "__subclasses__()", "ht_name": "__name__", "ht_qualname": "__qualname__",
	"ob_ref": "cell_contents", "prop_get": "fget", "prop_set": "fset", "prop_del": "fdel",
	"md_dict": "__dict__", "wr_callback": "__callback__", "dict": "__dict__",
}

// ofExceptions are those that they give fields of exceptions (Include/cpython/pyerrors.h).
var ofExceptions = map[string]string{
	"cause": "__cause__", "context": "__context__", "traceback": "__traceback__", "notes": "__notes__",
}

// pythonName gives the name by which Python has a field of a struct; "" where it has none other.
func pythonName(st *symbols.Struct, field string) string {
	if name := ofExceptions[field]; name != "" {
		for i := range st.Fields {
			if st.Fields[i].Name == "suppress_context" {
				return name
			}
		}
	}
	return pythonNames[field]
}

// fieldName names the pointer at that offset of an object: by __slots__, by the struct that its type
// or a base of it is known to have, by its offset otherwise.
func (h *Heap) fieldName(a uint64, t *typeInfo, off uint64) string {
	if t.dictOff > 0 && uint64(t.dictOff) == off {
		return "__dict__"
	}
	if t.dictOff < 0 && h.ownSize(a, t)+uint64(t.dictOff) == off {
		return "__dict__"
	}
	for b, i := t, 0; b != nil && i < maxBaseDepth; b, i = b.base, i+1 {
		if name := h.memberAt(b, off); name != "" {
			return name
		}
	}
	for b, i := t, 0; b != nil && i < maxBaseDepth; b, i = b.base, i+1 {
		if p := h.shapeOf(b).own; p != nil && off < b.basicsize {
			return fieldOf(p.lay, p.st, off)
		}
	}
	return fmt.Sprintf("<+%#x>", off)
}

// memberAt finds the PyMemberDef of an object slot at that offset.
func (h *Heap) memberAt(t *typeInfo, off uint64) string {
	o := &h.off.typ
	p, _ := h.view.u64(t.addr + o.members)
	for i := uint64(0); p != 0 && i < maxMembers; i++ {
		b, ok := h.view.bytes(p+i*o.memberSize, o.memberSize)
		if !ok || le64(b, o.memberName) == 0 {
			break
		}
		kind := le32(b, o.memberType)
		if le64(b, o.memberOffset) == off && (kind == memberObject || kind == memberObjectEx) {
			name, _ := h.view.cstring(le64(b, o.memberName), maxName)
			return name
		}
	}
	return ""
}

// structField names the member of a struct that begins at off, as Python does where it has a name
// for it; a nested one with its path.
func (h *Heap) structField(typ string, off uint64) string {
	st, err := h.lay.Struct(typ)
	if err != nil {
		return fmt.Sprintf("<+%#x>", off)
	}
	return fieldOf(h.lay, st, off)
}

func fieldOf(lay *symbols.Layout, st *symbols.Struct, off uint64) string {
	var err error
	path := ""
	for depth := 0; err == nil && depth < 8; depth++ {
		inner := -1
		for i := range st.Fields {
			f := &st.Fields[i]
			if off >= f.Offset && off-f.Offset < max(f.Size, 1) {
				inner = i
				break
			}
		}
		if inner < 0 {
			break
		}
		f := &st.Fields[inner]
		if f.Name != "" {
			path += "." + f.Name
		}
		off -= f.Offset
		if off == 0 && f.Size <= 8 {
			name := strings.TrimPrefix(path, ".")
			last := name[strings.LastIndexByte(name, '.')+1:]
			if p := pythonName(st, last); p != "" {
				return p
			}
			return name
		}
		st, err = lay.StructOf(f.Type)
	}
	if path != "" {
		return strings.TrimPrefix(path, ".") + fmt.Sprintf("+%#x", off)
	}
	return fmt.Sprintf("<+%#x>", off)
}
