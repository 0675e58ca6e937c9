package snapshot

import (
	"slices"
	"unicode/utf8"

	"pyfreeze/procmem"
	"pyfreeze/symbols"
)

// codeReader reads code objects of a live process, a few words each.
type codeReader struct {
	mem                           procmem.Reader
	name, file, consts            uint64
	instructions                  uint64
	instructionsInObject          bool
	typ, length, text, size, item uint64
	kind, compact, isASCII        symbols.Field // of PyASCIIObject.state
	wide                          uint64        // sizeof(PyCompactUnicodeObject)
}

func newCodeReader(lay *symbols.Layout, mem procmem.Reader) (*codeReader, error) {
	c := &codeReader{mem: mem}
	instructions := "co_code_adaptive" // 3.11 (bpo-46841)
	if c.instructionsInObject = lay.Has("PyCodeObject", instructions); !c.instructionsInObject {
		instructions = "co_code" // a bytes object
	}
	for _, f := range []struct {
		typ, field string
		to         *uint64
	}{{"PyCodeObject", "co_name", &c.name}, {"PyCodeObject", "co_filename", &c.file}, {"PyCodeObject", "co_consts", &c.consts},
		{"PyCodeObject", instructions, &c.instructions}, {"PyASCIIObject", "length", &c.length}, {"PyObject", "ob_type", &c.typ},
		{"PyVarObject", "ob_size", &c.size}, {"PyTupleObject", "ob_item", &c.item}} {
		field, err := lay.Field(f.typ, f.field)
		if err != nil {
			return nil, err
		}
		*f.to = field.Offset
	}
	ascii, err := lay.Struct("PyASCIIObject")
	if err != nil {
		return nil, err
	}
	c.text = ascii.Size
	for name, to := range map[string]*symbols.Field{"kind": &c.kind, "compact": &c.compact,
		"ascii": &c.isASCII} {
		if *to, err = lay.Field("PyASCIIObject", "state."+name); err != nil {
			return nil, err
		}
	}
	compact, err := lay.Struct("PyCompactUnicodeObject")
	if err != nil {
		return nil, err
	}
	c.wide = compact.Size
	return c, nil
}

// str returns the text of a str that a field of a code object holds; "" where it cannot be read.
func (c *codeReader) str(code procmem.Addr, field uint64) string {
	str, err := c.word(code + procmem.Addr(field))
	if err != nil {
		return ""
	}
	return c.chars(str)
}

// chars returns the text of a str as the system would have it, with the bytes that Python could not
// decode; "" where it cannot be read.
func (c *codeReader) chars(str procmem.Addr) string {
	const longest = 4096
	n, err := c.word(str + procmem.Addr(c.length))
	if err != nil || n > longest || c.bits(str, &c.compact) == 0 {
		return ""
	}
	at, width := c.text, 1
	if c.bits(str, &c.isASCII) == 0 {
		if at, width = c.wide, int(c.bits(str, &c.kind)); width != 1 && width != 2 && width != 4 {
			return ""
		}
	}
	b := make([]byte, int(n)*width)
	if _, err := c.mem.ReadAt(b, str+procmem.Addr(at)); err != nil {
		return ""
	}
	if at == c.text {
		return string(b)
	}
	var out []byte
	for ; len(b) > 0; b = b[width:] {
		var full [4]byte
		copy(full[:], b[:width])
		r := rune(le.Uint32(full[:]))
		if r >= 0xdc80 && r <= 0xdcff { // surrogateescape (PEP 383)
			out = append(out, byte(r))
		} else {
			out = utf8.AppendRune(out, r)
		}
	}
	return string(out)
}

// bits returns a bit-field of an object; 0 where it cannot be read.
func (c *codeReader) bits(at procmem.Addr, f *symbols.Field) uint64 {
	var b [8]byte
	if f.Size == 0 || f.Size > uint64(len(b)) {
		return 0
	}
	if _, err := c.mem.ReadAt(b[:f.Size], at+procmem.Addr(f.Offset)); err != nil {
		return 0
	}
	v := le.Uint64(b[:]) >> f.BitOffset
	if f.BitSize > 0 { // 3.14 made some of them plain bytes
		v &= 1<<f.BitSize - 1
	}
	return v
}

// nested returns the code objects among the constants of a code object: of the functions and classes that it defines.
func (c *codeReader) nested(code procmem.Addr) (out []procmem.Addr) {
	const most = 1 << 16
	typ, err := c.word(code + procmem.Addr(c.typ))
	if err != nil {
		return nil
	}
	tuple, err := c.word(code + procmem.Addr(c.consts))
	if err != nil {
		return nil
	}
	n, err := c.word(tuple + procmem.Addr(c.size))
	if err != nil || n > most {
		return nil
	}
	items := make([]byte, 8*n)
	if _, err := c.mem.ReadAt(items, tuple+procmem.Addr(c.item)); err != nil {
		return nil
	}
	for ; len(items) > 0; items = items[8:] {
		item := procmem.Addr(le.Uint64(items))
		if t, err := c.word(item + procmem.Addr(c.typ)); err == nil && t == typ {
			out = append(out, item)
		}
	}
	return out
}

// find returns the code objects below one of a module that have a path of names, such as App, run.
func (c *codeReader) find(code procmem.Addr, path []string) (out []procmem.Addr) {
	for _, inner := range c.nested(code) {
		if c.str(inner, c.name) != path[0] {
			continue
		}
		if len(path) == 1 {
			out = append(out, inner)
		} else {
			out = append(out, c.find(inner, path[1:])...)
		}
	}
	return out
}

// functions lists the dotted names of functions and methods that a module's code object defines.
func (c *codeReader) functions(code procmem.Addr) (out []string) {
	const most = 1000
	for _, inner := range c.nested(code) {
		name := c.str(inner, c.name)
		if name == "" || name[0] == '<' {
			continue
		}
		out = append(out, name)
		for _, m := range c.nested(inner) {
			if method := c.str(m, c.name); method != "" && method[0] != '<' {
				out = append(out, name+"."+method)
			}
		}
		if len(out) > most {
			break
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// firstInstruction returns the address of the first instruction of a code object.
func (c *codeReader) firstInstruction(code procmem.Addr) (procmem.Addr, error) {
	at := code + procmem.Addr(c.instructions)
	if c.instructionsInObject {
		return at, nil
	}
	const text = 32 // offsetof(PyBytesObject, ob_sval)
	str, err := c.word(at)
	return str + text, err
}

func (c *codeReader) word(at procmem.Addr) (procmem.Addr, error) {
	var b [8]byte
	if _, err := c.mem.ReadAt(b[:], at); err != nil {
		return 0, err
	}
	return procmem.Addr(le.Uint64(b[:])), nil
}
