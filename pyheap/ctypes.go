package pyheap

import "pyfreeze/symbols"

// What a ctypes object holds is described by its type: bits of StgDictObject.flags (3.8 to 3.12) or StgInfo.flags (3.13;
// gh-114314). Modules/_ctypes/ctypes.h.
const (
	ctypesIsPointer  = 0x100 // TYPEFLAG_ISPOINTER
	ctypesHasPointer = 0x200 // TYPEFLAG_HASPOINTER
)

// ctypesOffsets describes ctypes objects and their types.
type ctypesOffsets struct {
	ptr, value, size uint64 // in CDataObject; size is that of value
	flags            uint64 // in what the type keeps
	apart            bool   // which lies behind the type object, and is not its dict
	ok               bool
}

// ctypesLayout gives the layouts of _ctypes, from the file that t's functions lie in.
func (h *Heap) ctypesLayout(t *typeInfo) *ctypesOffsets {
	if h.ctypes != nil {
		return h.ctypes
	}
	h.ctypes = &ctypesOffsets{}
	lay := h.layoutOfDealloc(h.ctypesBase(t))
	if lay == nil {
		return h.ctypes
	}
	o := &ctypesOffsets{}
	value, err := lay.Field("CDataObject", "b_value")
	ptr, err2 := lay.Field("CDataObject", "b_ptr")
	flags, err3 := lay.Field("StgDictObject", "flags")
	if err3 != nil {
		flags, err3 = lay.Field("StgInfo", "flags")
		o.apart = true
	}
	if err == nil && err2 == nil && err3 == nil && flags.Type.Kind != symbols.KindPointer {
		o.ptr, o.value, o.size, o.flags, o.ok = ptr.Offset, value.Offset, value.Size, flags.Offset, true
	}
	h.ctypes = o
	return o
}

// ctypesBase gives _ctypes._CData, if t is it or comes from it.
func (h *Heap) ctypesBase(t *typeInfo) *typeInfo {
	for i := 0; t != nil && i < maxBaseDepth; t, i = t.base, i+1 {
		if p, _ := h.view.u64(t.addr + h.off.typ.name); p != 0 {
			if name, _ := h.view.cstring(p, maxName); name == "_ctypes._CData" {
				return t
			}
		}
	}
	return nil
}

// shapeCData corrects the shape of a ctypes type: C declares the memory as characters, but what it holds may be
// pointers, if the type says so.
func (h *Heap) shapeCData(t *typeInfo, s *shape) {
	if h.ctypesBase(t) == nil {
		return
	}
	o := h.ctypesLayout(t)
	if !o.ok || o.value+o.size > t.basicsize {
		return
	}
	words := s.words[:0:0]
	for _, w := range s.words {
		if w.off != o.ptr && (w.off < o.value || w.off >= o.value+o.size) {
			words = append(words, w)
		}
	}
	kind := wordUnknown
	if flags, ok := h.ctypesFlags(t, o); ok && flags&(ctypesIsPointer|ctypesHasPointer) == 0 && !h.isCFunction(t) {
		kind = wordText
	} else {
		for off := o.value &^ 7; off < o.value+o.size; off += 8 {
			words = append(words, planWord{off: off, kind: wordUnknown})
		}
	}
	s.words = append(words, planWord{off: o.ptr, kind: kind})
}

func (h *Heap) ctypesFlags(t *typeInfo, o *ctypesOffsets) (uint32, bool) {
	at := h.typeDict(t.addr)
	if o.apart {
		// PyObject_GetTypeData: behind the size of type objects, aligned.
		meta, _ := h.symbol("PyType_Type")
		size, _ := h.view.u64(meta + h.off.typ.basicsize)
		at = t.addr + (size+15)&^15
	}
	return h.view.u32(at + o.flags)
}

// isCFunction says whether t is a type of C functions, whose objects hold addresses of code.
func (h *Heap) isCFunction(t *typeInfo) bool {
	for i := 0; t != nil && i < maxBaseDepth; t, i = t.base, i+1 {
		if p, _ := h.view.u64(t.addr + h.off.typ.name); p != 0 {
			if name, _ := h.view.cstring(p, maxName); name == "_ctypes.CFuncPtr" || name == "_ctypes.PyCFuncPtr" {
				return true
			}
		}
	}
	return false
}
