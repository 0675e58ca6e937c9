package snapshot

import (
	"slices"

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
	return c, nil
}

// str returns the text of a str that a field of a code object holds; "" where it is not ASCII or cannot be read.
func (c *codeReader) str(code procmem.Addr, field uint64) string {
	str, err := c.word(code + procmem.Addr(field))
	if err != nil {
		return ""
	}
	return c.ascii(str)
}

// ascii returns the text of a str; "" where it is not ASCII or cannot be read.
func (c *codeReader) ascii(str procmem.Addr) string {
	const longest = 4096
	n, err := c.word(str + procmem.Addr(c.length))
	if err != nil || n > longest {
		return ""
	}
	b := make([]byte, n)
	if _, err := c.mem.ReadAt(b, str+procmem.Addr(c.text)); err != nil {
		return ""
	}
	return string(b)
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
