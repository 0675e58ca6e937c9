package restore

import (
	"strings"

	"pyfreeze/symbols"
)

// loaderCalls are the functions by which the interpreter loads an extension module: filters of the stub, after those of filtered.
var loaderCalls = []string{"dlopen", "dlsym"}

// extensions gives the functions by which the interpreter enters the extension modules that are mapped without ld.so, as struct export of stub/extensions.h,
// those of a file next to each other. The interpreter asks ld.so for a module again where one is imported anew (CPython: _PyImport_FindSharedFuncptr): for a
// sub-interpreter, or when it was taken out of sys.modules and has several phases of initialisation.
func (c *compiler) extensions(p *program) (table operand, n int, err error) {
	var words []uint64
	for _, m := range c.mods {
		if !m.direct {
			continue
		}
		id := c.files[m]
		err := m.File.Dynsyms(func(s symbols.Sym) {
			if strings.HasPrefix(s.Name, "PyInit_") || strings.HasPrefix(s.Name, "PyInitU_") {
				words = append(words, id.ino, id.size, id.mtimeNs, p.str(s.Name).v, uint64(m.Bias+s.Addr))
				n++
			}
		})
		if err != nil {
			return operand{}, 0, err
		}
	}
	return p.words(words), n, nil
}

// loaderSlots tells the stub of the extension modules, and gives the slots through which the interpreter calls ld.so.
func (c *compiler) loaderSlots(p *program) ([][]slot, error) {
	table, n, err := c.extensions(p)
	if err != nil || n == 0 {
		return nil, err
	}
	dlopen, err := c.libcFn(loaderCalls[0])
	if err != nil {
		return nil, err
	}
	dlsym, err := c.libcFn(loaderCalls[1])
	if err != nil {
		return nil, err
	}
	p.emit(opExtensions, table, imm(uint64(n)), dlopen, dlsym)
	for _, m := range c.mods {
		if m.Path == c.in.Module.Path {
			return slotsOf(m, loaderCalls), nil
		}
	}
	return nil, nil
}
