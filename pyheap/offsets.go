package pyheap

import "pyfreeze/symbols"

// offsets holds every struct offset that reading objects needs, in bytes from the start of the
// struct; absent where this version has no such field. All come from the interpreter's DWARF.
type offsets struct {
	obType, obSize, objectSize, varSize uint64

	typ     typeOffsets
	str     strOffsets
	dict    dictOffsets
	seq     seqOffsets
	code    codeOffsets
	frame   frameOffsets
	alloc   allocOffsets
	gc      gcOffsets
	weakref struct{ callback, object, hash uint64 }
	module  moduleOffsets
}

type typeOffsets struct {
	name, basicsize, itemsize, flags, dict, base, mro, members, hash uint64
	dictoffset, weaklistoffset, dealloc, htQualname, htKeys          uint64
	size, memberName, memberType, memberOffset, memberSize           uint64
	methods, getset                                                  uint64

	slots, tables []uint64 // functions; tables of functions
}

type strOffsets struct {
	length, hash, state, wstr, utf8, utf8Length, wstrLength, data uint64
	asciiSize, compactSize, objectSize                            uint64
	kind, compact, ascii, interned                                bitField
}

type seqOffsets struct {
	bytesData                                      uint64
	intDigits, intTag, floatValue                  uint64
	listItems, listAllocated, tupleItems           uint64
	setMask, setTable, setSmall, setUsed, setEntry uint64
	setHash, setEntryHash                          uint64
	tupleHash                                      uint64 // 3.14 and later
	baAlloc, baBytes, baStart                      uint64
	baObject                                       uint64 // 3.15 and later
}

// arrayOffsets describes array.array, which may be an extension module with a layout of its own.
type arrayOffsets struct {
	item, allocated, descr, itemsize uint64
	err                              error
}

func loadArrayOffsets(lay *symbols.Layout) *arrayOffsets {
	r := &resolver{lay: lay}
	o := &arrayOffsets{
		item:      r.must("arrayobject.ob_item"),
		allocated: r.must("arrayobject.allocated"),
		descr:     r.must("arrayobject.ob_descr"),
		itemsize:  r.must("arraydescr.itemsize"),
	}
	o.err = r.err()
	return o
}

func loadOffsets(lay *symbols.Layout) (*offsets, error) {
	r := &resolver{lay: lay}
	o := &offsets{
		obType: r.must("PyObject.ob_type"), obSize: r.must("PyVarObject.ob_size"),
		objectSize: r.size("PyObject"), varSize: r.size("PyVarObject"),
	}
	o.typ = loadTypeOffsets(r)
	o.str = loadStrOffsets(r)
	o.dict = loadDictOffsets(r)
	o.seq = loadSeqOffsets(r)
	o.code = loadCodeOffsets(r)
	o.frame = loadFrameOffsets(r)
	o.alloc = loadAllocOffsets(r)
	o.gc = loadGCOffsets(r)
	o.weakref.callback = r.must("PyWeakReference.wr_callback")
	o.weakref.object = r.must("PyWeakReference.wr_object")
	o.weakref.hash = r.must("PyWeakReference.hash")
	o.module = loadModuleOffsets(r)
	return o, r.err()
}

func loadTypeOffsets(r *resolver) typeOffsets {
	var slots, tables []uint64
	for _, name := range typeSlots {
		slots = append(slots, r.must("PyTypeObject."+name))
	}
	for _, name := range []string{"tp_as_number", "tp_as_sequence", "tp_as_mapping", "tp_as_buffer", "tp_as_async"} {
		tables = append(tables, r.must("PyTypeObject."+name))
	}
	return typeOffsets{
		slots: slots, tables: tables,
		methods: r.must("PyTypeObject.tp_methods"), getset: r.must("PyTypeObject.tp_getset"),
		name:           r.must("PyTypeObject.tp_name"),
		basicsize:      r.must("PyTypeObject.tp_basicsize"),
		itemsize:       r.must("PyTypeObject.tp_itemsize"),
		flags:          r.must("PyTypeObject.tp_flags"),
		dict:           r.must("PyTypeObject.tp_dict"),
		base:           r.must("PyTypeObject.tp_base"),
		mro:            r.must("PyTypeObject.tp_mro"),
		dealloc:        r.must("PyTypeObject.tp_dealloc"),
		members:        r.must("PyTypeObject.tp_members"),
		hash:           r.must("PyTypeObject.tp_hash"),
		dictoffset:     r.must("PyTypeObject.tp_dictoffset"),
		weaklistoffset: r.must("PyTypeObject.tp_weaklistoffset"),
		htQualname:     r.must("PyHeapTypeObject.ht_qualname"),
		htKeys:         r.must("PyHeapTypeObject.ht_cached_keys"),
		size:           r.size("PyTypeObject"),
		memberName:     r.must("PyMemberDef.name"),
		memberType:     r.must("PyMemberDef.type"),
		memberOffset:   r.must("PyMemberDef.offset"),
		memberSize:     r.size("PyMemberDef"),
	}
}

func loadStrOffsets(r *resolver) strOffsets {
	return strOffsets{
		length:      r.must("PyASCIIObject.length"),
		hash:        r.must("PyASCIIObject.hash"),
		state:       r.must("PyASCIIObject.state"),
		wstr:        r.opt("PyASCIIObject.wstr"), // until 3.11
		utf8:        r.must("PyCompactUnicodeObject.utf8"),
		utf8Length:  r.must("PyCompactUnicodeObject.utf8_length"),
		wstrLength:  r.opt("PyCompactUnicodeObject.wstr_length"),
		data:        r.must("PyUnicodeObject.data"),
		asciiSize:   r.size("PyASCIIObject"),
		compactSize: r.size("PyCompactUnicodeObject"),
		objectSize:  r.size("PyUnicodeObject"),
		kind:        r.bits("PyASCIIObject", "state.kind"),
		compact:     r.bits("PyASCIIObject", "state.compact"),
		ascii:       r.bits("PyASCIIObject", "state.ascii"),
		interned:    r.bits("PyASCIIObject", "state.interned"),
	}
}

func loadSeqOffsets(r *resolver) seqOffsets {
	return seqOffsets{
		bytesData:     r.must("PyBytesObject.ob_sval"),
		intDigits:     r.must("PyLongObject.long_value.ob_digit", "PyLongObject.ob_digit"),
		intTag:        r.opt("PyLongObject.long_value.lv_tag"), // since 3.12
		floatValue:    r.must("PyFloatObject.ob_fval"),
		listItems:     r.must("PyListObject.ob_item"),
		listAllocated: r.must("PyListObject.allocated"),
		tupleItems:    r.must("PyTupleObject.ob_item"),
		tupleHash:     r.opt("PyTupleObject.ob_hash"),
		setMask:       r.must("PySetObject.mask"),
		setTable:      r.must("PySetObject.table"),
		setSmall:      r.must("PySetObject.smalltable"),
		setUsed:       r.must("PySetObject.used"),
		setHash:       r.must("PySetObject.hash"),
		setEntry:      r.size("setentry"),
		setEntryHash:  r.must("setentry.hash"),
		baAlloc:       r.must("PyByteArrayObject.ob_alloc"),
		baBytes:       r.must("PyByteArrayObject.ob_bytes"),
		baStart:       r.must("PyByteArrayObject.ob_start"),
		// gh-139871: the storage is a bytes object, which take_bytes() hands out.
		baObject: r.opt("PyByteArrayObject.ob_bytes_object"),
	}
}
