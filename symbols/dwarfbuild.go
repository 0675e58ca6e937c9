package symbols

import (
	"debug/dwarf"
	"fmt"
	"strconv"
)

// Bounds on what a file may make us keep; the largest interpreter has 20,000
// types and 150,000 fields.
const (
	maxTypes  = 1 << 20
	maxFields = 1 << 22
	maxVars   = 1 << 21
	maxDepth  = 200 // nesting of one type
)

const (
	voidType    int32 = -1
	unknownType int32 = 0 // types[0]
	inProgress  int32 = -2
)

// builder turns DWARF into a table. A type that many units repeat is kept once:
// units agree on its name, size and place of declaration, so that its members
// are read only the first time.
type builder struct {
	d     *dwarf.Data
	units []dwarfUnit
	r     *dwarf.Reader // for jumps; the scan has its own
	depth int

	t       *table
	memo    map[dwarf.Offset]int32
	named   map[nameKey]int32
	shapes  map[string]int32 // anonymous types by contents
	derived map[derivedKey]int32
	decl    map[int32]bool // types only declared
	varSeen map[varRec]bool
	fnSeen  map[uint64]bool
}

type nameKey struct {
	tag   dwarf.Tag
	name  string
	where string
	size  uint64
}

type derivedKey struct {
	kind  Kind
	elem  int32
	count uint64
	name  string
	size  uint64
}

// buildTypes reads all types, variables and functions of a file with DWARF.
func buildTypes(f *File) (t *table, err error) {
	defer func() {
		// debug/dwarf is not proof against every broken input.
		if r := recover(); r != nil {
			t, err = nil, &FormatError{f.Path, fmt.Sprintf("DWARF: %v", r), nil}
		}
	}()
	d, units, err := loadDWARF(f)
	if err != nil {
		return nil, err
	}
	b := &builder{
		d: d, units: units, r: d.Reader(),
		t:       &table{types: []typeRec{{kind: KindUnknown, elem: voidType}}, source: f.Path},
		memo:    map[dwarf.Offset]int32{},
		named:   map[nameKey]int32{},
		shapes:  map[string]int32{},
		derived: map[derivedKey]int32{},
		decl:    map[int32]bool{},
		varSeen: map[varRec]bool{},
		fnSeen:  map[uint64]bool{},
	}
	if err := b.scan(); err != nil {
		return nil, &FormatError{f.Path, "DWARF", err}
	}
	b.completeDeclared()
	b.sizeFields()
	return b.t, nil
}

// scan visits the outermost DIEs of all units. Types inside functions come in
// by the references to them.
func (b *builder) scan() error {
	r := b.d.Reader()
	for {
		e, err := r.Next()
		if err != nil {
			return err
		}
		if e == nil {
			return nil
		}
		switch e.Tag {
		case dwarf.TagCompileUnit, dwarf.TagPartialUnit, dwarf.TagTypeUnit, dwarf.TagNamespace:
			continue // their children are outermost
		case dwarf.TagStructType, dwarf.TagClassType, dwarf.TagUnionType, dwarf.TagTypedef:
			if e.Val(dwarf.AttrName) != nil {
				b.typeOf(e)
			}
		case dwarf.TagEnumerationType:
			b.typeOf(e) // also unnamed ones: their constants have names
		case dwarf.TagVariable:
			b.variable(e)
		case dwarf.TagSubprogram:
			b.function(e)
		}
		r.SkipChildren()
		if len(b.t.types) > maxTypes || len(b.t.fields) > maxFields || len(b.t.vars) > maxVars {
			return fmt.Errorf("more than %d types, %d fields or %d variables", maxTypes, maxFields, maxVars)
		}
	}
}

// completeDeclared makes every reference to a type that its unit only declares
// lead to the definition that most units share.
func (b *builder) completeDeclared() {
	best := map[string]int32{}
	for i := range b.t.types {
		t := &b.t.types[i]
		id := int32(i)
		if (t.kind != KindStruct && t.kind != KindUnion && t.kind != KindEnum) || t.name == "" || b.decl[id] {
			continue
		}
		if old, ok := best[t.name]; !ok || b.t.types[old].weight < t.weight {
			best[t.name] = id
		}
	}
	fix := func(p *int32) {
		if *p < 0 || !b.decl[*p] {
			return
		}
		if id, ok := best[b.t.types[*p].name]; ok {
			*p = id
		}
	}
	for i := range b.t.types {
		fix(&b.t.types[i].elem)
	}
	for i := range b.t.fields {
		fix(&b.t.fields[i].typ)
	}
	for i := range b.t.vars {
		fix(&b.t.vars[i].typ)
	}
	for i := range b.t.funcs {
		fix(&b.t.funcs[i].result)
	}
	for i := range b.t.params {
		fix(&b.t.params[i].typ)
	}
}

// sizeFields fills in the sizes of members, now that every type is complete.
func (b *builder) sizeFields() {
	for i := range b.t.fields {
		if f := &b.t.fields[i]; f.bitSize == 0 {
			f.size = b.sizeOf(f.typ, 0)
		}
	}
}

// entryAt reads the DIE at off, nil when there is none.
func (b *builder) entryAt(off dwarf.Offset) *dwarf.Entry {
	b.r.Seek(off)
	e, err := b.r.Next()
	if err != nil {
		return nil
	}
	return e
}

// where returns "file:line" of a DIE's declaration, "" when it has none.
func (b *builder) where(e *dwarf.Entry) string {
	line, ok := e.Val(dwarf.AttrDeclLine).(int64)
	if !ok {
		return ""
	}
	n, ok := e.Val(dwarf.AttrDeclFile).(int64)
	if !ok {
		return ""
	}
	f := b.declFile(e.Offset, n)
	if f == "" {
		return ""
	}
	return f + ":" + strconv.FormatInt(line, 10)
}
