package pyheap

import "math"

// hashRule says what a tp_hash function computes its result from.
type hashRule struct {
	basis HashBasis
	parts []string // fields of the object's C struct whose hashes go in
	ptrs  []string // fields whose addresses go in
	fn    func(*hasher, uint64, *typeInfo) HashBasis
}

// hashRules gives the functions in tp_hash, by name. They are those of 3.8 to 3.14. (A function, since the rules
// refer to themselves.)
func hashRules() map[string]hashRule {
	return map[string]hashRule{
		"_Py_HashPointer":             {fn: (*hasher).identity}, // object.__hash__ until 3.12
		"PyObject_GenericHash":        {fn: (*hasher).identity}, // the same since 3.13 (gh-113024)
		"PyObject_HashNotImplemented": {basis: HashNone},
		"PyCData_nohash":              {basis: HashNone},

		"unicode_hash": {}, "bytes_hash": {}, "long_hash": {},
		"memory_hash": {fn: (*hasher).memory},
		"none_hash":   {},                      // 3.12 (gh-99540); None hashed by address before
		"float_hash":  {fn: (*hasher).floats},  // 3.10 (bpo-43475): NaN by address
		"dec_hash":    {fn: (*hasher).decimal}, // the same
		"date_hash":   {}, "time_hash": {}, "datetime_hash": {}, "delta_hash": {}, "timezone_hash": {},
		"complex_hash":     {fn: (*hasher).floats},
		"interpid_hash":    {}, // until 3.12
		"channelid_hash":   {},
		"certificate_hash": {},

		"tuplehash": {fn: (*hasher).items}, "tuple_hash": {fn: (*hasher).items}, // renamed in 3.14
		"frozenset_hash":     {fn: (*hasher).members},
		"range_hash":         {fn: (*hasher).ranges},
		"slicehash":          {parts: []string{"start", "stop", "step"}}, // 3.12 (gh-84783)
		"slice_hash":         {parts: []string{"start", "stop", "step"}}, // renamed in 3.14
		"code_hash":          {parts: []string{"co_name", "co_consts"}},  // and code and names, which are values
		"ga_hash":            {parts: []string{"origin", "args"}},        // 3.9 (PEP 585)
		"union_hash":         {fn: (*hasher).union},                      // 3.10 (PEP 604)
		"mappingproxy_hash":  {parts: []string{"mapping"}},               // 3.12 (gh-87995)
		"pattern_hash":       {parts: []string{"pattern"}},
		"pysqlite_row_hash":  {parts: []string{"description", "data"}},
		"weakref_hash":       {fn: (*hasher).weakref},
		"method_hash":        {ptrs: []string{"im_self"}, parts: []string{"im_func"}}, // 3.8 (bpo-1617161): self by address
		"meth_hash":          {basis: HashFixed, ptrs: []string{"m_self"}},            // and the address of the C function
		"wrapper_hash":       {ptrs: []string{"self", "descr"}},
		"contextvar_tp_hash": {fn: (*hasher).identity}, // computed when it was made, and kept
		"slot_tp_hash":       {fn: (*hasher).python},
	}
}

func (x *hasher) identity(a uint64, _ *typeInfo) HashBasis { return x.address(a) }

// floats: float and complex.
func (x *hasher) floats(a uint64, t *typeInfo) HashBasis {
	if !x.h.atLeast(10) {
		return HashValue
	}
	words := uint64(1)
	if t.kind == kindComplex {
		words = 2
	}
	for i := range words {
		v, _ := x.h.view.u64(a + x.h.off.seq.floatValue + 8*i) // ob_fval and cval both follow the header
		if math.IsNaN(math.Float64frombits(v)) {
			return x.address(a)
		}
	}
	return HashValue
}

// memory: a memoryview has the hash of its bytes if nobody can write to them.
func (x *hasher) memory(a uint64, _ *typeInfo) HashBasis {
	f, err := x.h.lay.Field("PyMemoryViewObject", "view.readonly")
	if err != nil {
		return x.unknown("the C struct of memoryview is not known")
	}
	if readonly, _ := x.h.view.u32(a + f.Offset); readonly == 0 {
		return HashNone
	}
	return HashValue
}

const (
	decimalNaN  = 4 // MPD_NAN, MPD_SNAN of libmpdec
	decimalSNaN = 8
)

func (x *hasher) decimal(a uint64, t *typeInfo) HashBasis {
	fn, _ := x.h.view.u64(t.addr + x.h.off.typ.hash)
	_, lay := x.h.moduleAt(fn)
	f, err := lay.Field("PyDecObject", "dec.flags") // its name was found, so there is a layout
	if err != nil {
		return x.unknown("the C struct of decimal.Decimal is not known")
	}
	flags, _ := x.h.view.u8(a + f.Offset)
	switch {
	case flags&decimalSNaN != 0:
		return HashNone
	case flags&decimalNaN != 0 && x.h.atLeast(10):
		return x.address(a)
	}
	return HashValue
}

func (x *hasher) items(a uint64, _ *typeInfo) HashBasis {
	items, err := x.h.TupleItems(Addr(a), -1)
	if err != nil {
		return x.unknown("the tuple cannot be read")
	}
	return x.all(items)
}

func (x *hasher) members(a uint64, _ *typeInfo) HashBasis {
	items, err := x.h.SetItems(Addr(a), -1)
	if err != nil {
		return x.unknown("the frozenset cannot be read")
	}
	return x.all(items)
}

func (x *hasher) all(items []Addr) HashBasis {
	b := HashValue
	for _, p := range items {
		if b = b.join(x.basis(uint64(p))); b == HashNone {
			break
		}
	}
	x.h.work += uint64(len(items))
	return b
}

// ranges hash as (length, start, step); the latter two are None where they do not matter.
func (x *hasher) ranges(a uint64, t *typeInfo) HashBasis {
	p, ok := x.h.memberAttr(a, t, "length")
	if !ok {
		return x.unknown("the C struct of range is not known")
	}
	if n, err := x.h.Int(Addr(p)); err == nil && n <= 1 && !x.h.atLeast(12) {
		return HashFixed // the address of None
	}
	return HashValue
}

// union hashes as the frozenset of its arguments; since 3.14 (gh-105499) it keeps those that can be hashed apart.
func (x *hasher) union(a uint64, t *typeInfo) HashBasis {
	if _, ok := x.h.memberAttr(a, t, "unhashable_args"); ok {
		return HashNone
	}
	if _, ok := x.h.structOffset(t, "hashable_args"); ok {
		return x.part(a, t, "hashable_args")
	}
	return x.part(a, t, "args")
}

// weakref has the hash of its object, once computed for ever.
func (x *hasher) weakref(a uint64, t *typeInfo) HashBasis {
	o := x.h.off.weakref
	hash, _ := x.h.view.u64(a + o.hash)
	p, _ := x.h.view.u64(a + o.object)
	if s := x.h.view.find(p); s != nil && x.h.objectIn(s, p) != nil && !x.isNone(p) {
		return x.basis(p)
	}
	if hash == ^uint64(0) {
		return HashNone // its object is dead
	}
	return x.unknown("a weakref whose object is dead keeps its hash")
}

func (x *hasher) isNone(p uint64) bool {
	t, err := x.h.typeOf(p)
	return err == nil && t.kind == kindAtom && x.h.nameOf(t) == "builtins.NoneType"
}
