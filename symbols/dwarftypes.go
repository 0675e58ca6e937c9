package symbols

import "debug/dwarf"

// typeAt returns the index of the type whose DIE is at off.
func (b *builder) typeAt(off dwarf.Offset) int32 {
	if id, ok := b.known(off); ok {
		return id
	}
	e := b.entryAt(off)
	if e == nil {
		return unknownType
	}
	return b.typeOf(e)
}

// known returns the index for the DIE at off if it was met before. If it is
// only being read (a pointer to a struct that holds such a pointer), an unnamed
// typedef stands in for it.
func (b *builder) known(off dwarf.Offset) (int32, bool) {
	id, ok := b.memo[off]
	if id == inProgress {
		id = b.newType(typeRec{kind: kindTypedef, elem: voidType})
		b.memo[off] = id
	}
	return id, ok
}

// refType returns the type that e's DW_AT_type names: none is C's void.
func (b *builder) refType(e *dwarf.Entry) int32 {
	f := e.AttrField(dwarf.AttrType)
	if f == nil {
		return voidType
	}
	off, ok := f.Val.(dwarf.Offset)
	if !ok || f.Class != dwarf.ClassReference {
		return unknownType // in a dwz file or a type unit
	}
	return b.typeAt(off)
}

// typeOf returns the index of the type that e describes; e is b.r's last entry
// or, for types without children or found before, from any reader.
func (b *builder) typeOf(e *dwarf.Entry) int32 {
	if id, ok := b.known(e.Offset); ok {
		return id
	}
	if b.depth >= maxDepth || len(b.t.types) > maxTypes {
		return unknownType
	}
	b.depth++
	defer func() { b.depth-- }()
	b.memo[e.Offset] = inProgress
	var id int32
	switch e.Tag {
	case dwarf.TagConstType, dwarf.TagVolatileType, dwarf.TagRestrictType, dwarf.TagAtomicType:
		id = b.refType(e)
	case dwarf.TagPointerType, dwarf.TagReferenceType, dwarf.TagRvalueReferenceType:
		id = b.derive(derivedKey{kind: KindPointer, elem: b.refType(e), size: ptrSize})
	case dwarf.TagSubroutineType:
		id = b.derive(derivedKey{kind: KindFunc, elem: b.refType(e)})
	case dwarf.TagUnspecifiedType:
		id = voidType
	case dwarf.TagBaseType:
		id = b.derive(derivedKey{kind: baseKind(e), elem: voidType, name: str(e, dwarf.AttrName), size: byteSize(e)})
	case dwarf.TagArrayType:
		id = b.array(e)
	case dwarf.TagTypedef:
		id = b.typedef(e)
	case dwarf.TagStructType, dwarf.TagClassType, dwarf.TagUnionType, dwarf.TagEnumerationType:
		id = b.record(e)
	default:
		id = unknownType
	}
	if in := b.memo[e.Offset]; in >= 0 && in != id && b.t.types[in].kind == kindTypedef {
		b.t.types[in].elem = id // the stand-in
	}
	b.memo[e.Offset] = id
	return id
}

// derive returns the one type that k describes in full.
func (b *builder) derive(k derivedKey) int32 {
	if id, ok := b.derived[k]; ok {
		return id
	}
	id := b.newType(typeRec{kind: k.kind, name: k.name, size: k.size, count: k.count, elem: k.elem})
	b.derived[k] = id
	return id
}

func (b *builder) newType(t typeRec) int32 {
	t.weight = 1
	b.t.types = append(b.t.types, t)
	return int32(len(b.t.types) - 1)
}

func (b *builder) typedef(e *dwarf.Entry) int32 {
	k := nameKey{tag: e.Tag, name: str(e, dwarf.AttrName), where: b.where(e)}
	if k.where != "" {
		if id, ok := b.named[k]; ok {
			b.t.types[id].weight++
			return id
		}
	}
	id := b.newType(typeRec{kind: kindTypedef, name: k.name, where: k.where, elem: voidType})
	b.named[k] = id
	b.memo[e.Offset] = id
	target := b.refType(e)
	b.t.types[id].elem = target
	return id
}

// array makes one type a dimension, the innermost last.
func (b *builder) array(e *dwarf.Entry) int32 {
	var dims []uint64
	for _, c := range b.children(e) {
		if c.Tag != dwarf.TagSubrangeType {
			continue
		}
		var n uint64 // unknown, or a flexible array
		if v, ok := c.Val(dwarf.AttrCount).(int64); ok && v > 0 {
			n = uint64(v)
		} else if v, ok := c.Val(dwarf.AttrUpperBound).(int64); ok && v >= 0 {
			n = uint64(v) + 1
		}
		dims = append(dims, n)
	}
	id := b.refType(e)
	if len(dims) == 0 {
		dims = []uint64{0}
	}
	for i := len(dims) - 1; i >= 0; i-- {
		id = b.derive(derivedKey{kind: KindArray, elem: id, count: dims[i]})
	}
	return id
}

// children reads the direct children of e.
func (b *builder) children(e *dwarf.Entry) []*dwarf.Entry {
	if !e.Children {
		return nil
	}
	b.r.Seek(e.Offset)
	if _, err := b.r.Next(); err != nil {
		return nil
	}
	var out []*dwarf.Entry
	for len(out) < maxFields {
		c, err := b.r.Next()
		if err != nil || c == nil || c.Tag == 0 {
			break
		}
		out = append(out, c)
		b.r.SkipChildren()
	}
	return out
}

func baseKind(e *dwarf.Entry) Kind {
	const (
		ateBoolean      = 2
		ateComplex      = 3
		ateFloat        = 4
		ateSigned       = 5
		ateSignedChar   = 6
		ateDecimalFloat = 15
	)
	enc, _ := e.Val(dwarf.AttrEncoding).(int64) // absent counts as unsigned
	switch enc {
	case ateBoolean:
		return KindBool
	case ateComplex, ateFloat, ateDecimalFloat:
		return KindFloat
	case ateSigned, ateSignedChar:
		return KindInt
	}
	return KindUint
}

func str(e *dwarf.Entry, a dwarf.Attr) string {
	s, _ := e.Val(a).(string) // "" when absent
	return s
}

func byteSize(e *dwarf.Entry) uint64 {
	n, _ := e.Val(dwarf.AttrByteSize).(int64) // 0 when absent or not constant
	return uint64(max(n, 0))
}
