package symbols

import (
	"debug/dwarf"
	"encoding/binary"
)

// maxOrigins bounds how far a DIE is traced to the one that has its name and type.
const maxOrigins = 4

// origins returns e and the DIEs that it completes: LTO and "extern" split one
// variable or function over several.
func (b *builder) origins(e *dwarf.Entry) []*dwarf.Entry {
	out := []*dwarf.Entry{e}
	for len(out) <= maxOrigins {
		last := out[len(out)-1]
		off, ok := last.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset)
		if !ok {
			off, ok = last.Val(dwarf.AttrSpecification).(dwarf.Offset)
		}
		if !ok {
			break
		}
		next := b.entryAt(off)
		if next == nil {
			break
		}
		out = append(out, next)
	}
	return out
}

// nameAndType takes each from the first of the DIEs that has it.
func (b *builder) nameAndType(dies []*dwarf.Entry) (name string, typ int32) {
	typ = voidType
	for _, e := range dies {
		if name == "" {
			name = str(e, dwarf.AttrName)
		}
		if typ == voidType {
			typ = b.refType(e)
		}
	}
	return name, typ
}

func (b *builder) variable(e *dwarf.Entry) {
	addr, hasAddr := staticAddr(e)
	if !hasAddr && e.Val(dwarf.AttrDeclaration) == true {
		return
	}
	v := varRec{addr: addr}
	v.name, v.typ = b.nameAndType(b.origins(e))
	if v.name == "" || b.varSeen[v] {
		return
	}
	b.varSeen[v] = true
	b.t.vars = append(b.t.vars, v)
}

// staticAddr reads a location that is one fixed address.
func staticAddr(e *dwarf.Entry) (uint64, bool) {
	const opAddr = 0x03 // DW_OP_addr
	loc, ok := e.Val(dwarf.AttrLocation).([]byte)
	if !ok || len(loc) != 1+ptrSize || loc[0] != opAddr {
		return 0, false
	}
	return binary.LittleEndian.Uint64(loc[1:]), true
}

// function keeps the signature of a function that has code of its own.
func (b *builder) function(e *dwarf.Entry) {
	addr := b.entryPC(e)
	if addr == 0 || b.fnSeen[addr] {
		return
	}
	b.fnSeen[addr] = true
	dies := b.origins(e)
	name, result := b.nameAndType(dies)
	if name == "" {
		return
	}
	fn := funcRec{name: name, addr: addr, result: result, first: int32(len(b.t.params))}
	// The oldest DIE has the declared parameters: a clone may have lost some.
	params, locals := b.declared(dies[len(dies)-1])
	for _, p := range params {
		pn, pt := b.nameAndType(b.origins(p))
		b.t.params = append(b.t.params, paramRec{pn, pt})
	}
	fn.n = int32(len(b.t.params)) - fn.first
	for _, v := range locals {
		vn, vt := b.nameAndType(b.origins(v))
		if b.pointsToStruct(vt) {
			b.t.params = append(b.t.params, paramRec{vn, vt})
		}
	}
	fn.locals = int32(len(b.t.params)) - fn.first - fn.n
	b.t.funcs = append(b.t.funcs, fn)
}

// entryPC returns where a function's code starts, 0 when it has none. One that
// is split into a hot and a cold part has ranges, the hot one first.
func (b *builder) entryPC(e *dwarf.Entry) uint64 {
	if pc, ok := e.Val(dwarf.AttrLowpc).(uint64); ok && pc != 0 {
		return pc
	}
	if e.Val(dwarf.AttrRanges) == nil {
		return 0
	}
	r, err := b.d.Ranges(e)
	if err != nil || len(r) == 0 {
		return 0
	}
	return r[0][0]
}

// maxDeclared bounds how many parameters and variables of one function are read.
const maxDeclared = 256

// declared reads the parameters of a function and the variables of its outermost block. What is
// inside nested blocks and inlined calls is left unread: that is most of it.
func (b *builder) declared(e *dwarf.Entry) (params, locals []*dwarf.Entry) {
	if !e.Children {
		return nil, nil
	}
	b.r.Seek(e.Offset)
	if _, err := b.r.Next(); err != nil {
		return nil, nil
	}
	for len(params) < maxDeclared && len(locals) < maxDeclared {
		c, err := b.r.Next()
		if err != nil || c == nil || c.Tag == 0 {
			break
		}
		switch c.Tag {
		case dwarf.TagFormalParameter:
			params = append(params, c)
		case dwarf.TagVariable:
			locals = append(locals, c)
		}
		b.r.SkipChildren()
	}
	return params, locals
}

// pointsToStruct says whether a type is a pointer to a struct, which tells what a function takes its
// untyped arguments for.
func (b *builder) pointsToStruct(id int32) bool {
	id = b.untypedef(id)
	if id < 0 || b.t.types[id].kind != KindPointer {
		return false
	}
	id = b.untypedef(b.t.types[id].elem)
	return id >= 0 && b.t.types[id].kind == KindStruct
}

func (b *builder) untypedef(id int32) int32 {
	for n := 0; id >= 0 && b.t.types[id].kind == kindTypedef && n < maxDepth; n++ {
		id = b.t.types[id].elem
	}
	return id
}
