package pyheap

// What DWARF does not say of some structs of CPython and its modules.

// foreignStructs are read by visitors of their own, or by nobody.
var foreignStructs = map[string]bool{
	"_ts": true, "_is": true, "pyruntimestate": true, // roots.go
	"_dictkeysobject": true, "_dictvalues": true, // dict.go
	"_PyInterpreterFrame": true, "_interpreter_frame": true, "_cframe": true, // framevisit.go; bpo-46090
	"_err_stackitem": true,                       // inside generators and thread states
	"_stack_chunk":   true,                       // the data stack, read frame by frame; bpo-44032
	"PyGC_Head":      true,                       // lists of the collector own nothing
	"pool_header":    true, "arena_object": true, // pymalloc.go
	"_IO_FILE": true, "link_map": true, "__dirstream": true, // libc's
}

// foreignFields hold pointers that own nothing, or that a visitor reads.
var foreignFields = map[string]bool{
	"_PyWeakReference.wr_object": true, "_PyWeakReference.wr_prev": true, "_PyWeakReference.wr_next": true,
	"_typeobject.tp_weaklist":     true,                                 // borrowed, as all lists of weakrefs are
	"_heaptypeobject._spec_cache": true,                                 // borrowed; bpo-44525, gh-93911
	"dequeobject.leftblock":       true, "dequeobject.rightblock": true, // deque.go
}

// untypedFields may point to something else than they are declared for.
var untypedFields = map[string]bool{
	// An array of whatever its dtype says, also objects. numpy/ndarraytypes.h.
	"tagPyArrayObject_fields.data": true, "tagPyArrayObject.data": true,
}
