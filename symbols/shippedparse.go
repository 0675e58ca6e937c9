package symbols

import (
	"fmt"
	"strconv"
	"strings"
)

// shipped is the parsed file of one minor version.
type shipped struct {
	builds   []shippedBuild
	sections map[string][]string // lines by module, "" for the interpreter, in the order of the file
}

// shippedBuild is a build whose layouts are in the file.
type shippedBuild struct {
	version string // "3.11.2"
	origin  string
	runtime uint64 // bytes of _PyRuntime
}

// splitShipped reads the outline of a file.
func splitShipped(text string) (*shipped, error) {
	s := &shipped{sections: map[string][]string{}}
	module := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		first, rest, _ := strings.Cut(line, " ")
		switch first {
		case "build":
			var n int
			var b shippedBuild
			if _, err := fmt.Sscanf(rest, "%d %s %s runtime=%d", &n, &b.version, &b.origin, &b.runtime); err != nil || n != len(s.builds) {
				return nil, fmt.Errorf("shipped layouts: %q is no build", line)
			}
			s.builds = append(s.builds, b)
		case "module":
			module = rest
		default:
			s.sections[module] = append(s.sections[module], line)
		}
	}
	return s, nil
}

// shippedParser makes the table of one build: of the interpreter, or of a module with the interpreter's types behind its own.
type shippedParser struct {
	t       *table
	scope   map[string]int32 // types by name, as references write them
	derived map[derivedKey]int32
	objects map[string]int32 // struct by type of object
	err     error
}

// table makes the table of a build for the interpreter ("") or a module.
func (s *shipped) table(build int, module string) (*table, map[string]int32, error) {
	p := &shippedParser{t: &table{types: []typeRec{{kind: KindUnknown, elem: voidType}}},
		scope: map[string]int32{}, derived: map[derivedKey]int32{}, objects: map[string]int32{}}
	p.section(s.sections[""], build, 1)
	if module != "" {
		p.section(s.sections[module], build, 2) // heavier: its own types come before others of that name
	}
	if p.err != nil {
		return nil, nil, p.err
	}
	b := &builder{t: p.t}
	b.sizeFields()
	return p.t, p.objects, nil
}

func (p *shippedParser) fail(what string) {
	if p.err == nil {
		p.err = fmt.Errorf("shipped layouts: %s", what)
	}
}

// section reads lines: first what is there, then what it consists of.
func (p *shippedParser) section(lines []string, build int, weight int32) {
	var mine [][]string
	for _, line := range lines {
		words := strings.Split(line, " ")
		if words[0] != "" && words[0][0] >= '0' && words[0][0] <= '9' {
			if !inBuilds(words[0], build) {
				continue
			}
			words = words[1:]
		}
		if len(words) < 2 {
			p.fail("line " + line)
			return
		}
		mine = append(mine, words)
	}
	ids := make([]int32, len(mine))
	for i, w := range mine {
		ids[i] = p.declare(w, weight)
	}
	for i, w := range mine {
		switch {
		case p.err != nil:
		case ids[i] >= 0:
			p.define(ids[i], w)
		default:
			p.objects[w[1]] = p.ref(w[2], 0)
		}
	}
}

func inBuilds(list string, build int) bool {
	for _, w := range strings.Split(list, ",") {
		if w == strconv.Itoa(build) {
			return true
		}
	}
	return false
}

var shippedKinds = map[string]Kind{"struct": KindStruct, "union": KindUnion, "enum": KindEnum, "typedef": kindTypedef}

// declare makes the type of a line, still empty.
func (p *shippedParser) declare(w []string, weight int32) int32 {
	if w[0] == "object" && len(w) == 3 {
		return -1
	}
	kind, ok := shippedKinds[w[0]]
	if !ok || len(w) < 4 {
		p.fail("line " + strings.Join(w, " "))
		return -1
	}
	size, err := strconv.ParseUint(w[2], 10, 32)
	if err != nil {
		p.fail("size " + w[2])
	}
	name, _, _ := strings.Cut(w[1], "@")
	if strings.HasPrefix(name, "=") {
		name = "" // named by its typedef only
	}
	t := typeRec{kind: kind, name: name, where: w[3], size: size, elem: voidType, weight: weight}
	if t.where == "-" {
		t.where = ""
	}
	p.t.types = append(p.t.types, t)
	id := int32(len(p.t.types) - 1)
	p.scope[kindLetters[kind]+":"+w[1]] = id
	return id
}

// define fills in a type.
func (p *shippedParser) define(id int32, w []string) {
	if p.t.types[id].kind == kindTypedef {
		p.t.types[id].elem = p.ref(strings.Join(w[4:], ""), 0)
		return
	}
	first := int32(len(p.t.fields))
	for _, m := range w[4:] {
		f, ok := p.field(m, p.t.types[id].kind == KindEnum)
		if !ok {
			p.fail("member " + m + " of " + w[1])
			return
		}
		p.t.fields = append(p.t.fields, f)
	}
	p.t.types[id].first, p.t.types[id].n = first, int32(len(p.t.fields))-first
}

func (p *shippedParser) field(m string, enum bool) (f fieldRec, ok bool) {
	if enum {
		name, value, _ := strings.Cut(m, "=")
		v, err := strconv.ParseInt(value, 10, 64)
		return fieldRec{name: name, off: uint64(v), typ: unknownType}, err == nil
	}
	name, rest, ok := strings.Cut(m, ":")
	place, typ, ok2 := strings.Cut(rest, ":")
	if !ok || !ok2 {
		return f, false
	}
	f = fieldRec{name: name, typ: p.ref(typ, 0)}
	var err error
	if strings.Contains(place, ".") {
		_, err = fmt.Sscanf(place, "%d.%d.%d.%d", &f.off, &f.size, &f.bitOff, &f.bitSize)
	} else {
		f.off, err = strconv.ParseUint(place, 10, 32)
	}
	return f, err == nil
}

// baseNames are what C calls the base types, of which the file has kind and size.
var baseNames = map[string]string{"int1": "char", "int2": "short int", "int4": "int", "int8": "long int", "uint1": "unsigned char",
	"uint2": "short unsigned int", "uint4": "unsigned int", "uint8": "long unsigned int", "bool1": "_Bool", "float4": "float",
	"float8": "double", "float16": "complex double"}

// ref gives the type that a reference means.
func (p *shippedParser) ref(s string, depth int) int32 {
	switch {
	case depth > maxDepth:
		p.fail("nesting")
		return unknownType
	case s == "void":
		return voidType
	case s == "?":
		return unknownType
	case strings.HasPrefix(s, "*"):
		return p.derive(derivedKey{kind: KindPointer, elem: p.ref(s[1:], depth+1), size: ptrSize})
	case strings.HasPrefix(s, "()"):
		return p.derive(derivedKey{kind: KindFunc, elem: p.ref(s[2:], depth+1)})
	case strings.HasPrefix(s, "["):
		count, elem, ok := strings.Cut(s[1:], "]")
		n, err := strconv.ParseUint(count, 10, 48)
		if !ok || err != nil {
			p.fail("array " + s)
			return unknownType
		}
		return p.derive(derivedKey{kind: KindArray, elem: p.ref(elem, depth+1), count: n})
	}
	if id, ok := p.scope[s]; ok {
		return id
	}
	for k := KindInt; k <= KindFloat; k++ {
		size, ok := strings.CutPrefix(s, k.String())
		n, err := strconv.ParseUint(size, 10, 8)
		if ok && err == nil {
			return p.derive(derivedKey{kind: k, elem: voidType, name: baseNames[s], size: n})
		}
	}
	p.fail("type " + s)
	return unknownType
}

func (p *shippedParser) derive(k derivedKey) int32 {
	b := &builder{t: p.t, derived: p.derived}
	return b.derive(k)
}
