package pyheap

import (
	"errors"
	"strings"
)

// TypeName gives the name of the type of obj as Python shows it: "builtins.dict",
// "mercurial.ui.ui".
func (h *Heap) TypeName(obj Addr) (string, error) {
	t, err := h.typeOf(uint64(obj))
	if err != nil {
		return "", err
	}
	return h.nameOf(t), nil
}

// TypeOf gives the type object of obj.
func (h *Heap) TypeOf(obj Addr) (Addr, error) {
	t, err := h.typeOf(uint64(obj))
	if err != nil {
		return 0, err
	}
	return Addr(t.addr), nil
}

func (h *Heap) typeOf(obj uint64) (*typeInfo, error) {
	p, ok := h.view.u64(obj + h.off.obType)
	if !ok {
		return nil, &ObjectError{Addr: Addr(obj), Want: "an object", Err: errNotMapped}
	}
	t := h.typeAt(p)
	if t == nil {
		return nil, &ObjectError{Addr: Addr(obj), Want: "an object: its ob_type is no type"}
	}
	return t, nil
}

// nameOf gives module.qualname. Static types carry it in tp_name; those without a module are
// builtins. Heap types have __module__ in their dict and ht_qualname.
func (h *Heap) nameOf(t *typeInfo) string {
	if t.named {
		return t.name
	}
	t.named = true // also when it cannot be read: then it is tried once
	p, _ := h.view.u64(t.addr + h.off.typ.name)
	name, _ := h.view.cstring(p, maxName)
	if t.flags&flagHeapType == 0 {
		if !strings.Contains(name, ".") {
			name = "builtins." + name
		}
		t.name = name
		return name
	}
	t.name = h.heapTypeName(t, name)
	return t.name
}

func (h *Heap) heapTypeName(t *typeInfo, tpName string) string {
	name := tpName
	if q, ok := h.view.u64(t.addr + h.off.typ.htQualname); ok {
		if s, err := h.str(q, maxName); err == nil {
			name = s
		}
	}
	// A heap type made from a spec has its module in tp_name.
	if i := strings.LastIndexByte(tpName, '.'); i >= 0 && tpName[i+1:] == name {
		return tpName
	}
	if h.naming > maxNaming {
		return name
	}
	before := h.work
	mod, ok := h.dictGet(h.typeDict(t.addr), "__module__")
	h.naming += h.work - before
	if ok {
		if s, err := h.str(mod, maxName); err == nil {
			return s + "." + name
		}
	}
	return name
}

// typeDict gives the dict of a type, 0 if there is none.
func (h *Heap) typeDict(t uint64) uint64 {
	if d, _ := h.view.u64(t + h.off.typ.dict); d != 0 || !h.atLeast(12) {
		return d
	}
	return h.staticTypeDict(t)
}

// staticTypeDict finds the dict of a static builtin type in the main interpreter's state, where 3.12 and
// later keep it (gh-94673). tp_subclasses of such a type is its number there, counted from 1.
func (h *Heap) staticTypeDict(t uint64) uint64 {
	for _, array := range []string{"types.builtins.initialized", "types.builtins"} { // 3.13; 3.12
		first, err := h.lay.Field("PyInterpreterState", array+"[0]")
		dict, err2 := h.lay.Field("PyInterpreterState", array+"[0].tp_dict")
		typ, err3 := h.lay.Field("PyInterpreterState", array+"[0].type")
		number, err4 := h.lay.Field("PyTypeObject", "tp_subclasses")
		if errors.Join(err, err2, err3, err4) != nil {
			continue
		}
		n, _ := h.view.u64(t + number.Offset)
		if n == 0 || n > maxStaticTypes {
			return 0
		}
		at := h.main + (n-1)*first.Size
		if self, _ := h.view.u64(at + typ.Offset); self != t {
			return 0
		}
		d, _ := h.view.u64(at + dict.Offset)
		return d
	}
	return 0
}

// maxStaticTypes is more than any version has.
const maxStaticTypes = 1 << 10

// hiddenFields gives how many items a struct sequence keeps beyond its ob_size.
func (h *Heap) hiddenFields(t uint64) uint64 {
	d := h.typeDict(t)
	all, ok1 := h.smallInt(d, "n_fields")
	seen, ok2 := h.smallInt(d, "n_sequence_fields")
	if !ok1 || !ok2 || all < seen || all > 1<<10 {
		return 0
	}
	return all - seen
}

func (h *Heap) smallInt(dict uint64, name string) (uint64, bool) {
	v, ok := h.dictGet(dict, name)
	if !ok {
		return 0, false
	}
	n, err := h.Int(Addr(v))
	return uint64(n), err == nil && n >= 0
}
