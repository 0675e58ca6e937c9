// Package libs knows the ELF files of a frozen process: the interpreter, its loader, libraries and extension modules.
package libs

import (
	"bytes"
	"debug/elf"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"pyfreeze/procmem"
	"pyfreeze/symbols"
)

// Library is an ELF file of the process.
type Library struct {
	symbols.Module
	Soname string
	Main   bool // the executable
	Loader bool // ld.so
}

// Load finds all that are loaded. The caller closes them. Errors: *symbols.ReplacedError.
func Load(maps []procmem.Mapping, mem procmem.Reader, exe string) ([]*Library, error) {
	mods, err := symbols.ModulesIn(maps, mem)
	if err != nil {
		symbols.CloseModules(mods)
		return nil, err
	}
	var out []*Library
	for _, m := range mods {
		l := &Library{Module: m, Soname: m.File.Soname(), Main: m.File.Path == exe}
		if l.Soname == "" {
			l.Soname = filepath.Base(m.Path)
		}
		l.Loader = !l.Main && strings.HasPrefix(l.Soname, "ld-")
		out = append(out, l)
	}
	return out, nil
}

// Close closes the files.
func Close(list []*Library) {
	for _, l := range list {
		_ = l.File.Close() // only read
	}
}

// At returns the library that an address lies in, nil for none.
func At(list []*Library, a procmem.Addr) *Library {
	for _, l := range list {
		if l.Range.Contains(a) {
			return l
		}
	}
	return nil
}

// Interpreter returns the executable and its loader.
func Interpreter(list []*Library) (exe, loader *Library, err error) {
	for _, l := range list {
		switch {
		case l.Main:
			exe = l
		case l.Loader:
			loader = l
		}
	}
	if exe == nil || loader == nil {
		return nil, nil, fmt.Errorf("the executable or its loader is not among the mapped files")
	}
	return exe, loader, nil
}

// System says whether a library is of the C library's family.
func (l *Library) System() bool {
	return slices.ContainsFunc([]string{"ld-linux", "libc.so", "libm.so", "libpthread.so", "libdl.so", "librt.so", "libutil.so", "libanl.so",
		"libresolv.so", "libnss_", "libmvec.so"}, func(p string) bool { return strings.HasPrefix(l.Soname, p) })
}

// Environ returns the address of the C library's variable environ: the executable's copy of it, where that has one.
func Environ(list []*Library) (procmem.Addr, error) {
	for _, first := range []bool{true, false} {
		for _, l := range list {
			if l.Main != first || !first && !strings.HasPrefix(l.Soname, "libc.so") {
				continue
			}
			for _, name := range []string{"environ", "__environ"} {
				if s, ok := l.File.Dynsym(name); ok && s.Addr != 0 && s.Type == elf.STT_OBJECT {
					return l.Bias + s.Addr, nil
				}
			}
		}
	}
	return 0, fmt.Errorf("the C library's environ is not to be found")
}

// Gate returns where a `syscall` instruction is in ld.so, or another program that the kernel enters first, from its entry point on.
func Gate(f *symbols.File) (int64, error) {
	text := f.Section(".text")
	if text == nil {
		return 0, fmt.Errorf("%s has no .text section", f.Path)
	}
	b, err := f.SectionData(text)
	if err != nil {
		return 0, err
	}
	// mov $9,%eax; syscall: ld.so maps memory.
	pattern := []byte{0xb8, 9, 0, 0, 0, 0x0f, 0x05}
	i := bytes.Index(b, pattern)
	if i < 0 {
		return 0, fmt.Errorf("%s makes no system call that is known", f.Path)
	}
	return int64(text.Addr) + int64(i) + int64(len(pattern)) - 2 - int64(f.Entry), nil
}
