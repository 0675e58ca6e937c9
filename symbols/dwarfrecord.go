package symbols

import (
	"debug/dwarf"
	"encoding/binary"
)

var recordKinds = map[dwarf.Tag]Kind{
	dwarf.TagStructType:      KindStruct,
	dwarf.TagClassType:       KindStruct,
	dwarf.TagUnionType:       KindUnion,
	dwarf.TagEnumerationType: KindEnum,
}

// record returns the struct, union or enum that e describes.
func (b *builder) record(e *dwarf.Entry) int32 {
	k := nameKey{tag: e.Tag, name: str(e, dwarf.AttrName), where: b.where(e), size: byteSize(e)}
	rec := typeRec{kind: recordKinds[e.Tag], name: k.name, where: k.where, size: k.size, elem: voidType}
	if k.name == "" {
		return b.anonymous(e, rec)
	}
	declared := e.Val(dwarf.AttrDeclaration) == true
	if declared {
		k.where, k.size, rec.where = "", 0, ""
	}
	if declared || k.where != "" {
		if id, ok := b.named[k]; ok {
			b.t.types[id].weight++
			return id
		}
	}
	id := b.newType(rec)
	b.named[k] = id
	b.memo[e.Offset] = id // members may point back here
	if declared {
		b.decl[id] = true
		return id
	}
	b.setFields(id, b.members(e))
	return id
}

// anonymous types have no name to share them by; equal contents do.
func (b *builder) anonymous(e *dwarf.Entry, rec typeRec) int32 {
	fields := b.members(e)
	shape := []byte{byte(rec.kind)}
	shape = binary.AppendUvarint(shape, rec.size)
	for i := range fields {
		f := &fields[i]
		shape = binary.AppendUvarint(shape, uint64(len(f.name)))
		shape = append(shape, f.name...)
		shape = binary.AppendUvarint(shape, f.off)
		shape = append(shape, f.bitOff, f.bitSize)
		shape = binary.AppendVarint(shape, int64(f.typ))
	}
	if id, ok := b.shapes[string(shape)]; ok {
		b.t.types[id].weight++
		return id
	}
	id := b.newType(rec)
	b.shapes[string(shape)] = id
	b.setFields(id, fields)
	return id
}

func (b *builder) setFields(id int32, fields []fieldRec) {
	t := &b.t.types[id]
	t.first, t.n = int32(len(b.t.fields)), int32(len(fields))
	b.t.fields = append(b.t.fields, fields...)
}

// members returns the fields of a struct or union; for an enum the constants,
// with their value as offset.
func (b *builder) members(e *dwarf.Entry) []fieldRec {
	var out []fieldRec
	for _, c := range b.children(e) {
		switch c.Tag {
		case dwarf.TagEnumerator:
			v, _ := c.Val(dwarf.AttrConstValue).(int64) // not constant: cannot be in C
			out = append(out, fieldRec{name: str(c, dwarf.AttrName), off: uint64(v), typ: voidType})
		case dwarf.TagMember, dwarf.TagInheritance:
			if c.Val(dwarf.AttrExternal) != nil || c.Val(dwarf.AttrDeclaration) != nil {
				continue // a C++ static member
			}
			f := fieldRec{name: str(c, dwarf.AttrName), typ: b.refType(c)}
			b.place(&f, c)
			out = append(out, f)
		}
	}
	return out
}

// place fills in where a member lies.
func (b *builder) place(f *fieldRec, c *dwarf.Entry) {
	switch v := c.Val(dwarf.AttrDataMemberLoc).(type) {
	case int64:
		f.off = uint64(max(v, 0))
	case []byte: // DW_OP_plus_uconst n, from old compilers
		if len(v) > 1 && v[0] == 0x23 {
			f.off, _ = binary.Uvarint(v[1:])
		}
	}
	bits, ok := c.Val(dwarf.AttrBitSize).(int64)
	if !ok || bits <= 0 || bits > 64 {
		return // its size comes last: see sizeFields
	}
	unit := b.sizeOf(f.typ, 0)
	if n := byteSize(c); n != 0 {
		unit = n // DWARF 3's storage unit
	}
	if unit == 0 || unit > 16 {
		unit = 8
	}
	var at uint64 // first bit, from the start of the struct
	if v, ok := c.Val(dwarf.AttrDataBitOffset).(int64); ok {
		at = uint64(max(v, 0))
	} else if v, ok := c.Val(dwarf.AttrBitOffset).(int64); ok {
		at = f.off*8 + uint64(max(int64(unit*8)-v-bits, 0)) // counted from the unit's top
	} else {
		at = f.off * 8
	}
	f.bitSize, f.size = uint8(bits), unit
	f.off = at / (unit * 8) * unit
	if rest := at - f.off*8; rest+uint64(bits) > unit*8 {
		// Packed across two units: name just the bytes that it touches, for
		// the struct may end there.
		f.off = at / 8
		f.size = (at%8 + uint64(bits) + 7) / 8
	}
	f.bitOff = uint8(at - f.off*8)
}

// sizeOf returns the bytes of a type, 0 when it has no size.
func (b *builder) sizeOf(id int32, depth int) uint64 {
	if id < 0 || depth > maxDepth {
		return 0
	}
	t := &b.t.types[id]
	switch t.kind {
	case kindTypedef:
		return b.sizeOf(t.elem, depth+1)
	case KindArray:
		return mulSize(t.count, b.sizeOf(t.elem, depth+1))
	}
	return t.size
}

// mulSize multiplies, and gives 0 ("not known") where that overflows.
func mulSize(n, size uint64) uint64 {
	if size != 0 && n > 1<<48/size {
		return 0
	}
	return n * size
}
