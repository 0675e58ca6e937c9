package freeze

import (
	"debug/elf"
	"slices"

	"pyfreeze/restore/libs"
)

// origArgv returns where the interpreter keeps the words that Py_GetArgcArgv gives, where a library
// is loaded that asks for them; else 0. Such a library changes the title of the process.
func (f *freezing) origArgv() uint64 {
	asks := slices.ContainsFunc(f.libs, func(l *libs.Library) bool {
		return !l.System() && !l.Main && importsSymbol(l.File.Path, "Py_GetArgcArgv")
	})
	if !asks {
		return 0
	}
	// Of _PyRuntimeState since 3.12 (gh-90110); before a static variable of Python/initconfig.c.
	if at, err := f.copy.Layout.Symbol("_PyRuntime"); err == nil {
		if field, err := f.copy.Layout.Field("_PyRuntimeState", "orig_argv"); err == nil {
			return uint64(at.Addr+f.copy.Interp.Bias) + field.Offset
		}
	}
	if all := f.copy.Layout.Symbols("orig_argv"); len(all) == 1 {
		return uint64(all[0].Addr + f.copy.Interp.Bias)
	}
	return 0
}

// importsSymbol says whether an ELF file takes a symbol from another.
func importsSymbol(path, name string) bool {
	file, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	symbols, err := file.ImportedSymbols()
	if err != nil {
		return false
	}
	return slices.ContainsFunc(symbols, func(s elf.ImportedSymbol) bool { return s.Name == name })
}
