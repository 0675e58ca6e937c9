package symbols

import (
	"strings"
)

// Type returns the type of that name: a typedef, struct tag, enum tag or base
// type. "struct x", "union x" and "enum x" are taken too, and "file.c:x" asks
// for the x declared in file.c where several files have one.
func (l *Layout) Type(name string) (TypeRef, error) {
	id, ok := l.typeID(name)
	if !ok {
		return TypeRef{}, &NotFoundError{l.Path, "type", name, ""}
	}
	return l.refs[id], nil
}

func (l *Layout) typeID(name string) (int32, bool) {
	plain := name
	for _, p := range []string{"struct ", "union ", "enum "} {
		if rest, ok := strings.CutPrefix(name, p); ok {
			plain = rest
		}
	}
	if id, ok := l.names[plain]; ok {
		return id, true
	}
	file, plain, ok := strings.Cut(plain, ":")
	if !ok {
		return 0, false
	}
	for i := range l.t.types {
		t := &l.t.types[i]
		if f, _, _ := strings.Cut(t.where, ":"); t.name == plain && f == file && l.refs[i].Size > 0 {
			return int32(i), true
		}
	}
	return 0, false
}

// Struct returns the layout of a struct or union by tag or typedef
// ("PyThreadState", "_ts"); see Type for qualified names. The result is shared:
// do not change it.
func (l *Layout) Struct(name string) (*Struct, error) {
	id, ok := l.typeID(name)
	if !ok {
		return nil, &NotFoundError{l.Path, "type", name, ""}
	}
	s, err := l.StructOf(l.refs[id])
	if err != nil {
		return nil, &NotFoundError{l.Path, "struct", name, "it is " + l.refs[id].Kind.String()}
	}
	return s, nil
}

// StructsNamed returns every struct or union with that tag or typedef: private
// ones of different source files may share a name. The most used comes first.
func (l *Layout) StructsNamed(name string) []*Struct {
	var out []*Struct
	seen := map[int32]bool{}
	add := func(i int32) {
		id := l.refs[i].id
		if s, err := l.StructOf(l.refs[i]); err == nil && !seen[id] {
			seen[id] = true
			out = append(out, s)
		}
	}
	if id, ok := l.typeID(name); ok {
		add(id)
	}
	for i := range l.t.types {
		if l.t.types[i].name == name {
			add(int32(i))
		}
	}
	return out
}

// StructOf returns the layout of a struct or union type of this Layout. A type
// that is only declared gives a *NotFoundError.
func (l *Layout) StructOf(r TypeRef) (*Struct, error) {
	if r.Kind != KindStruct && r.Kind != KindUnion || r.id < 0 || int(r.id) >= len(l.t.types) {
		return nil, &NotFoundError{l.Path, "struct", r.String(), "it is " + r.Kind.String()}
	}
	if s, ok := l.structs.Load(r.id); ok {
		return s.(*Struct), nil
	}
	t := &l.t.types[r.id]
	if t.size == 0 && t.n == 0 {
		return nil, &NotFoundError{l.Path, "struct", r.String(), "only declared"}
	}
	s := &Struct{Name: r.Name, Tag: t.name, Union: t.kind == KindUnion, Size: t.size, Where: t.where, id: r.id}
	if s.Name == "" {
		s.Name = t.name
	}
	s.Fields = make([]Field, t.n)
	for i := range s.Fields {
		s.Fields[i] = l.field(&l.t.fields[t.first+int32(i)])
	}
	l.structs.Store(r.id, s)
	return s, nil
}

// RefOf returns the type that s is the layout of.
func (l *Layout) RefOf(s *Struct) TypeRef {
	r := l.refs[s.id]
	if r.Name == "" {
		r.Name = s.Name // the typedef of an unnamed struct
	}
	return r
}

func (l *Layout) field(f *fieldRec) Field {
	return Field{Name: f.name, Offset: f.off, Size: f.size,
		BitOffset: int(f.bitOff), BitSize: int(f.bitSize), Type: *l.ref(f.typ)}
}

// Const returns the value of an enum constant ("FRAME_OWNED_BY_CSTACK").
func (l *Layout) Const(name string) (int64, bool) {
	v, ok := l.consts[name]
	return v, ok
}

// EnumName returns the name of a value of an enum type of this Layout.
func (l *Layout) EnumName(r TypeRef, value int64) (string, bool) {
	if r.Kind != KindEnum || r.id < 0 || int(r.id) >= len(l.t.types) {
		return "", false
	}
	t := &l.t.types[r.id]
	for _, f := range l.t.fields[t.first : t.first+t.n] {
		if int64(f.off) == value {
			return f.name, true
		}
	}
	return "", false
}

// Has says whether typ has the field that path leads to (see Field): how
// callers tell Python versions apart.
func (l *Layout) Has(typ, path string) bool {
	_, err := l.Field(typ, path)
	return err == nil
}
