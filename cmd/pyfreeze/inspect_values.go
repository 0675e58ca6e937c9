package main

import (
	"pyfreeze/pyheap"
)

// What an expression sees of objects inside others.
const (
	maxValueDepth = 3
	maxValueItems = 1000
	maxValueText  = 1 << 16
)

// values gives the attributes of an object that an expression uses, as values of Go.
func (s *subject) values(o pyheap.Object, names []string) map[string]any {
	out := map[string]any{}
	for _, name := range names {
		switch name {
		case "_addr":
			out[name] = hex(o.Addr)
		case "_type":
			out[name] = o.TypeName
		case "_size":
			out[name] = o.Size
		case "_value":
			if v, ok := s.plainValue(o.Addr); ok {
				out[name] = v
			}
		case "_items":
			out[name] = s.itemsOf(o.Addr, 1)
		default:
			if v, err := s.heap.Attr(o.Addr, name); err == nil {
				out[name] = s.value(v, 1)
			}
		}
	}
	return out
}

// plainValue gives the value of a number or text.
func (s *subject) plainValue(a pyheap.Addr) (any, bool) {
	if n, err := s.heap.Int(a); err == nil {
		if typ, _ := s.heap.TypeName(a); typ == "builtins.bool" {
			return n != 0, true
		}
		return int(n), true
	}
	if f, err := s.heap.Float(a); err == nil {
		return f, true
	}
	if t, err := s.heap.Str(a); err == nil {
		return t[:min(len(t), maxValueText)], true
	}
	if b, err := s.heap.Bytes(a); err == nil {
		return string(b[:min(len(b), maxValueText)]), true
	}
	if n, err := s.heap.BigInt(a); err == nil {
		f, _ := n.Float64() // as near as can be
		return f, true
	}
	return nil, false
}

// value gives an object as a value: numbers and text, lists of these, maps of items or attributes;
// nil of None.
func (s *subject) value(a pyheap.Addr, depth int) any {
	if v, ok := s.plainValue(a); ok {
		return v
	}
	typ, err := s.heap.TypeName(a)
	if err != nil || typ == "builtins.NoneType" || depth > maxValueDepth {
		return nil
	}
	if items := s.itemsOf(a, depth); items != nil {
		return items
	}
	attrs, err := s.heap.Attributes(a, maxValueItems)
	if err != nil {
		return nil
	}
	out := map[string]any{"_addr": hex(a), "_type": typ}
	for _, at := range attrs {
		out[at.Name] = s.value(at.Value, depth+1)
	}
	return out
}

// itemsOf gives the items of a container, nil of others.
func (s *subject) itemsOf(a pyheap.Addr, depth int) any {
	items, total, err := s.heap.Items(a, maxValueItems)
	if err != nil || total < 0 {
		return nil
	}
	if len(items) > 0 && items[0].Key != 0 {
		out := map[string]any{}
		for _, it := range items {
			name, err := s.heap.Str(it.Key)
			if err != nil {
				name = s.heap.Repr(it.Key, pyheap.MaxKeyShown)
			}
			out[name] = s.value(it.Value, depth+1)
		}
		return out
	}
	out := []any{}
	for _, it := range items {
		out = append(out, s.value(it.Value, depth+1))
	}
	return out
}
