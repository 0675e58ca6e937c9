package restore

import (
	"pyfreeze/procmem"
	"pyfreeze/symbols"
)

// codeNames reads names of code objects from a live process, a few words each.
type codeNames struct {
	mem                  procmem.Reader
	name, length, text   uint64
	instructions         uint64
	instructionsInObject bool
}

func newCodeNames(lay *symbols.Layout, mem procmem.Reader) (*codeNames, error) {
	c := &codeNames{mem: mem}
	name := "co_qualname" // 3.11 (bpo-44530)
	if !lay.Has("PyCodeObject", name) {
		name = "co_name"
	}
	instructions := "co_code_adaptive" // 3.11 (bpo-46841)
	if c.instructionsInObject = lay.Has("PyCodeObject", instructions); !c.instructionsInObject {
		instructions = "co_code" // a bytes object
	}
	for _, f := range []struct {
		typ, field string
		to         *uint64
	}{{"PyCodeObject", name, &c.name}, {"PyCodeObject", instructions, &c.instructions}, {"PyASCIIObject", "length", &c.length}} {
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

// of gives the qualified name of a code object, before 3.11 the plain one; "" where it is not ASCII or cannot be read.
func (c *codeNames) of(code procmem.Addr) string {
	const longest = 200
	str, err := c.word(code + procmem.Addr(c.name))
	if err != nil {
		return ""
	}
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

// firstInstruction gives the address of the first instruction of a code object.
func (c *codeNames) firstInstruction(code procmem.Addr) (procmem.Addr, error) {
	at := code + procmem.Addr(c.instructions)
	if c.instructionsInObject {
		return at, nil
	}
	const text = 32 // offsetof(PyBytesObject, ob_sval)
	str, err := c.word(at)
	return str + text, err
}

func (c *codeNames) word(at procmem.Addr) (procmem.Addr, error) {
	var b [8]byte
	if _, err := c.mem.ReadAt(b[:], at); err != nil {
		return 0, err
	}
	return procmem.Addr(le.Uint64(b[:])), nil
}
