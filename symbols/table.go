package symbols

// table is what a Layout caches: plain arrays of everything that the DWARF and
// the symbol tables of one file say. Indexes are validated when it is read back.
type table struct {
	types  []typeRec
	fields []fieldRec
	syms   []symRec // sorted by name, then address
	vars   []varRec // sorted by name
	funcs  []funcRec
	params []paramRec
	source string // the file that had the DWARF
}

// typeRec is one C type. Which members mean something depends on its kind.
type typeRec struct {
	kind   Kind
	name   string // tag, base type or typedef name
	where  string // declaration, "pycore_frame.h:47"
	size   uint64
	count  uint64 // array elements
	elem   int32  // pointee, element, result, typedef target; -1: none (void)
	first  int32  // fields[first : first+n]
	n      int32
	weight int32 // how many units have it: decides between types of one name
}

type fieldRec struct {
	name            string
	off, size       uint64
	bitOff, bitSize uint8
	typ             int32
}

type symRec struct {
	name       string
	addr, size uint64
	typ        uint8
	local      bool
}

// varRec is a variable's type. addr is 0 where DWARF does not say the place
// (LTO): then the symbol table does.
type varRec struct {
	name string
	addr uint64
	typ  int32
}

// funcRec is a function's signature, with those of its variables that point to structs; addr is its
// entry, 0 when only inlined.
type funcRec struct {
	name     string
	addr     uint64
	result   int32
	first, n int32 // params
	locals   int32 // params behind those: variables
}

type paramRec struct {
	name string
	typ  int32
}
