package pyheap

// kind says which visitor knows the objects of a type.
type kind uint8

const (
	kindGeneric kind = iota // read conservatively over its basicsize
	kindType
	kindStr
	kindBytes
	kindByteArray
	kindInt
	kindFloat
	kindComplex
	kindList
	kindTuple
	kindDict
	kindSet
	kindCode
	kindFrame
	kindGen
	kindModule
	kindWeakref
	kindArray
	kindDeque
	kindMmap
	kindAtom // no pointers at all: None, Ellipsis, NotImplemented
)

// knownTypes are the static types that a visitor exists for. Their subclasses are found by tp_base.
var knownTypes = map[string]kind{
	"PyType_Type": kindType, "PyUnicode_Type": kindStr, "PyBytes_Type": kindBytes,
	"PyByteArray_Type": kindByteArray, "PyLong_Type": kindInt, "PyFloat_Type": kindFloat,
	"PyComplex_Type": kindComplex, "PyList_Type": kindList, "PyTuple_Type": kindTuple,
	"PyDict_Type": kindDict, "PySet_Type": kindSet, "PyFrozenSet_Type": kindSet,
	"PyFrozenDict_Type": kindDict, // 3.15 (PEP 814): a struct that begins as PyDictObject
	"PyCode_Type":       kindCode, "PyFrame_Type": kindFrame, "PyGen_Type": kindGen,
	"PyCoro_Type": kindGen, "PyAsyncGen_Type": kindGen, "PyModule_Type": kindModule,
	"_PyWeakref_RefType": kindWeakref, "_PyWeakref_ProxyType": kindWeakref,
	"_PyWeakref_CallableProxyType": kindWeakref, "_PyNone_Type": kindAtom,
	"PyEllipsis_Type": kindAtom, "_PyNotImplemented_Type": kindAtom,
}

var moduleTypes = map[string]kind{"array.array": kindArray, "collections.deque": kindDeque, "mmap.mmap": kindMmap}

// tp_flags bits; the same in every supported version unless noted.
const (
	flagInlineValues   = 1 << 2 // 3.13 and later
	flagManagedWeakref = 1 << 3 // 3.12 and later
	flagManagedDict    = 1 << 4 // 3.11 and later
	flagHeapType       = 1 << 9
	flagHaveGC         = 1 << 14
	flagException      = 1 << 30
	flagTypeSubclass   = 1 << 31
)

const (
	maxBasicSize   = 1 << 20
	maxItemSize    = 1 << 16
	maxBaseDepth   = 256     // length of a tp_base chain
	maxTypeNesting = 8       // metatype of a metatype of ...
	maxNesting     = 1 << 11 // types being verified at a time, through bases and metatypes
	maxName        = 1 << 10
	maxNaming      = 1 << 28 // words read for the names of all types
)

// typeInfo is what the walk needs to know of a type.
type typeInfo struct {
	addr      uint64
	index     uint32 // in Heap.list
	basicsize uint64
	itemsize  uint64
	flags     uint64
	kind      kind
	exact     bool   // the known type itself, not a subclass
	baseSize  uint64 // basicsize of the base that kind comes from
	hidden    uint64 // items beyond ob_size (struct sequences)
	weaklist  uint64 // offset of the weakref list, absent if none
	dictOff   int64  // tp_dictoffset
	base      *typeInfo
	keys      *keysTable // ht_cached_keys, once asked for
	name      string     // module.qualname, once named is set
	named     bool
	shape     *shape // where their pointers are, once asked for
}

func (t *typeInfo) gc() bool { return t.flags&flagHaveGC != 0 }

func (t *typeInfo) isSubclassOf(base *typeInfo) bool {
	for i := 0; t != nil && i < maxBaseDepth; i++ {
		if t == base {
			return true
		}
		t = t.base
	}
	return false
}

// bootTypes verifies PyType_Type, the root of the check of all others: it is its own type.
func (h *Heap) bootTypes() error {
	a, ok := h.symbol("PyType_Type")
	if !ok {
		return &LayoutError{Missing: []string{"the symbol PyType_Type"}}
	}
	if self, ok := h.view.u64(a + h.off.obType); !ok || self != a {
		return &ObjectError{Addr: Addr(a), Want: "the type 'type': wrong load bias or interpreter not initialised"}
	}
	if h.makeType(a, 0) == nil {
		return &ObjectError{Addr: Addr(a), Want: "the type 'type'"}
	}
	return nil
}

// typeAt gives the type at a, or nil when the memory there is not a type.
func (h *Heap) typeAt(a uint64) *typeInfo {
	if a == h.lastKey && a != 0 {
		return h.last
	}
	t := h.types[a]
	if t == nil {
		if t = h.verifyType(a, 0); t == nil {
			return nil
		}
	}
	h.lastKey, h.last = a, t
	return t
}

func (h *Heap) verifyType(a uint64, depth int) *typeInfo {
	if t := h.types[a]; t != nil {
		return t
	}
	if a&7 != 0 || depth > maxTypeNesting {
		return nil
	}
	m, ok := h.view.u64(a + h.off.obType)
	if !ok {
		return nil
	}
	meta := h.types[m]
	if meta == nil {
		if m == a {
			return nil
		}
		if meta = h.verifyType(m, depth+1); meta == nil {
			return nil
		}
	}
	if meta.kind != kindType {
		return nil
	}
	return h.makeType(a, depth)
}

// makeType reads the type at a, whose metatype was checked, and checks that its fields make sense.
func (h *Heap) makeType(a uint64, depth int) *typeInfo {
	o := &h.off.typ
	b, ok := h.view.bytes(a, o.size)
	if !ok || h.nesting > maxNesting {
		return nil
	}
	h.nesting++
	defer func() { h.nesting-- }()
	t := &typeInfo{addr: a, basicsize: le64(b, o.basicsize), itemsize: le64(b, o.itemsize),
		flags: le64(b, o.flags), weaklist: absent, dictOff: int64(le64(b, o.dictoffset))}
	// object itself has a basicsize of one PyObject; itemsize is small or zero.
	if t.basicsize < h.off.objectSize || t.basicsize > maxBasicSize || t.itemsize > maxItemSize {
		return nil
	}
	if _, ok := h.view.cstring(le64(b, o.name), maxName); !ok {
		return nil
	}
	if w := int64(le64(b, o.weaklistoffset)); w > 0 && uint64(w)+8 <= t.basicsize {
		t.weaklist = uint64(w)
	}
	h.types[a] = t // before the bases, so that a loop among them ends
	if base := le64(b, o.base); base != 0 && base != a && depth < maxBaseDepth {
		t.base = h.verifyBase(base, depth)
	}
	if k, ok := h.known[a]; ok {
		t.kind, t.exact, t.baseSize = k, true, t.basicsize
	} else if t.base != nil {
		t.kind, t.baseSize = t.base.kind, t.base.baseSize
	}
	if t.kind == kindGeneric {
		t.baseSize = t.basicsize
	}
	// Types of modules that may be built in or not have no symbol to know them by.
	if name, _ := h.view.cstring(le64(b, o.name), maxName); moduleTypes[name] != 0 && t.kind == kindGeneric {
		t.kind, t.exact, t.baseSize = moduleTypes[name], true, t.basicsize
	}
	if t.kind == kindTuple && !t.exact {
		t.hidden = h.hiddenFields(a)
	}
	t.index = uint32(len(h.list))
	h.list = append(h.list, t)
	return t
}

// verifyBase is verifyType for tp_base, which has its own depth: a long chain of bases is normal,
// a long chain of metatypes is not.
func (h *Heap) verifyBase(a uint64, depth int) *typeInfo {
	if t := h.types[a]; t != nil {
		return t
	}
	m, ok := h.view.u64(a + h.off.obType)
	if !ok || a&7 != 0 || m == a {
		return nil
	}
	if meta := h.verifyType(m, 0); meta == nil || meta.kind != kindType {
		return nil
	}
	if t := h.types[a]; t != nil {
		return t
	}
	return h.makeType(a, depth+1)
}
