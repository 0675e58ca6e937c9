package symbols

import (
	"fmt"
	"strconv"
	"strings"
)

// Field resolves a dotted path through nested structs, unions and arrays:
// ("PyInterpreterState", "ceval.gil_drop_request"), ("x", "arr[3].y"). Members
// of unnamed structs and unions are found as in C. The offset counts from the
// start of typ. Pointers are not followed. Errors are *NotFoundError.
func (l *Layout) Field(typ, path string) (Field, error) {
	key := typ + "\x00" + path
	if f, ok := l.paths.Load(key); ok {
		return f.(Field), nil
	}
	id, ok := l.typeID(typ)
	if !ok {
		return Field{}, &NotFoundError{l.Path, "type", typ, ""}
	}
	f, err := l.FieldOf(l.refs[id], path)
	if err != nil {
		return Field{}, &NotFoundError{l.Path, "field", typ + "." + path, err.Error()}
	}
	l.paths.Store(key, f)
	return f, nil
}

// FieldOf is Field for a type at hand.
func (l *Layout) FieldOf(r TypeRef, path string) (Field, error) {
	f := Field{Type: r, Size: r.Size}
	for rest := path; rest != ""; {
		var err error
		if rest[0] == '[' {
			idx, tail, ok := strings.Cut(rest[1:], "]")
			if !ok {
				return Field{}, fmt.Errorf("%q lacks a ]", rest)
			}
			f, err = index(f, idx)
			rest = tail
		} else {
			rest = strings.TrimPrefix(rest, ".")
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			f, err = l.member(f, rest[:end])
			rest = rest[end:]
			if rest == "." {
				err = fmt.Errorf("%q ends in a dot", path)
			}
		}
		if err != nil {
			return Field{}, err
		}
	}
	return f, nil
}

// index steps to an element of an array. The bound is not checked against
// Count: CPython ends many structs with a one-element array that is longer.
func index(f Field, idx string) (Field, error) {
	if f.Type.Kind != KindArray || f.Type.Elem == nil {
		return Field{}, fmt.Errorf("%s is %s, not an array", f.Name, f.Type.Kind)
	}
	n, err := strconv.ParseUint(idx, 10, 31)
	if err != nil {
		return Field{}, fmt.Errorf("index %q: %w", idx, err)
	}
	e := f.Type.Elem
	return Field{Name: f.Name, Offset: f.Offset + n*e.Size, Size: e.Size, Type: *e}, nil
}

// member steps to a member of a struct or union, also through unnamed ones.
func (l *Layout) member(f Field, name string) (Field, error) {
	m, ok := l.find(f.Type, name, 0)
	if !ok {
		return Field{}, fmt.Errorf("%s has no member %q", f.Type.String(), name)
	}
	m.Offset += f.Offset
	return m, nil
}

func (l *Layout) find(r TypeRef, name string, depth int) (Field, bool) {
	s, err := l.StructOf(r)
	if err != nil || depth > 16 {
		return Field{}, false
	}
	for _, m := range s.Fields {
		if m.Name == name && name != "" {
			return m, true
		}
	}
	for _, m := range s.Fields {
		if m.Name != "" {
			continue
		}
		if in, ok := l.find(m.Type, name, depth+1); ok {
			in.Offset += m.Offset
			return in, true
		}
	}
	return Field{}, false
}
