package symbols

import "strconv"

// Kind classifies a C type.
type Kind uint8

// The kinds of C types. A typedef, const or volatile type has the kind of what
// it stands for.
const (
	KindUnknown Kind = iota // not described, or only declared
	KindVoid
	KindInt
	KindUint
	KindBool
	KindFloat // also complex
	KindPointer
	KindStruct
	KindUnion
	KindArray
	KindFunc
	KindEnum
	kindTypedef // only inside the table
	kindMax
)

var kindNames = [...]string{"unknown", "void", "int", "uint", "bool", "float", "pointer",
	"struct", "union", "array", "func", "enum", "typedef"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "Kind(" + strconv.Itoa(int(k)) + ")"
}

// TypeRef describes a C type, typedefs resolved. It refers to its Layout for
// the fields of a struct (Layout.StructOf).
type TypeRef struct {
	Kind  Kind
	Name  string   // typedef name if it was named by one ("PyObject", "destructor"), else the tag or base type; may be ""
	Tag   string   // struct, union or enum tag ("_object"); may be ""
	Elem  *TypeRef // what a pointer points to, an array consists of, a function returns; else nil
	Count uint64   // elements of an array; 0 also for a flexible array
	Size  uint64   // bytes; 0 when incomplete

	id int32 // the type in its Layout's table
}

// String writes the type in C's way.
func (t *TypeRef) String() string { return t.str(0) }

func (t *TypeRef) str(depth int) string {
	if t == nil {
		return "void"
	}
	if depth > 10 {
		return "..."
	}
	switch {
	case t.Name != "" && (t.Tag == "" || t.Name != t.Tag):
		return t.Name
	case t.Kind == KindPointer:
		return t.Elem.str(depth+1) + " *"
	case t.Kind == KindArray:
		return t.Elem.str(depth+1) + "[" + strconv.FormatUint(t.Count, 10) + "]"
	case t.Kind == KindFunc:
		return t.Elem.str(depth+1) + " ()"
	case t.Tag != "":
		return t.Kind.String() + " " + t.Tag
	}
	return t.Kind.String()
}

// Field is a member of a struct or union, or what a dotted path leads to.
type Field struct {
	Name      string
	Offset    uint64 // bytes from the start of the type that was asked
	Size      uint64 // bytes; of a bit-field: of the unit to read at Offset (any number up to 9 in a packed struct)
	BitOffset int    // lowest bit inside that (little-endian) unit
	BitSize   int    // bits; 0 when not a bit-field
	Type      TypeRef
}

// Struct is the layout of a struct or union.
type Struct struct {
	Name   string // as it was asked for, or the tag
	Tag    string
	Union  bool
	Size   uint64  // bytes
	Where  string  // file and line of the declaration, "" when not known
	Fields []Field // in order; an unnamed struct or union is one Field with Name ""

	id int32
}
