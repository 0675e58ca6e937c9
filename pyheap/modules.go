package pyheap

import (
	"path/filepath"
	"strings"
)

// ModuleKind says what a module was loaded from.
type ModuleKind string

const (
	KindBuiltin   ModuleKind = "builtin"   // part of the interpreter
	KindFrozen    ModuleKind = "frozen"    // bytecode inside the interpreter
	KindExtension ModuleKind = "extension" // a shared library
	KindSource    ModuleKind = "source"    // a .py file
	KindBytecode  ModuleKind = "bytecode"  // a .pyc file without source
	KindNamespace ModuleKind = "namespace" // a namespace package: directories only
	KindOther     ModuleKind = "other"     // made by code, or no module at all
)

// Module is an entry of sys.modules.
type Module struct {
	Name string
	Addr Addr
	Dict Addr       // its namespace; 0 when the entry is an object without a dict
	File string     // what it was loaded from; of a cached .pyc the source; "" if from no file
	Kind ModuleKind // what that is
}

const maxModules = 1 << 18

// Modules gives the entries of sys.modules in their order. Entries that are None (imports that were
// blocked) are left out.
func (h *Heap) Modules() (_ []Module, err error) {
	defer guard(&err)
	defer h.begin(h.walkLimit())()
	dict, err := h.modulesDict()
	if err != nil {
		return nil, err
	}
	items, err := h.DictItems(dict, maxModules)
	if err != nil {
		return nil, err
	}
	var out []Module
	for _, it := range items {
		name, err := h.str(uint64(it.Key), 1<<16)
		t, err2 := h.typeOf(uint64(it.Value))
		if err != nil || err2 != nil || t.kind == kindAtom {
			continue
		}
		m := Module{Name: name, Addr: it.Value, Dict: h.Dict(it.Value)}
		m.File, m.Kind = h.moduleFile(it.Value)
		out = append(out, m)
	}
	return out, nil
}

// modulesDict gives the sys.modules of the main interpreter.
func (h *Heap) modulesDict() (Addr, error) {
	r := &resolver{lay: h.lay}
	off := r.must("PyInterpreterState.imports.modules", "PyInterpreterState.modules")
	if err := r.err(); err != nil {
		return 0, err
	}
	p, ok := h.view.u64(h.main + off)
	if !ok || p == 0 {
		return 0, &ObjectError{Addr: Addr(h.main), Want: "an interpreter with modules"}
	}
	return Addr(p), nil
}

// module finds an entry of sys.modules.
func (h *Heap) module(name string) (Addr, bool) {
	dict, err := h.modulesDict()
	if err != nil {
		return 0, false
	}
	v, ok := h.dictGet(uint64(dict), name)
	return Addr(v), ok
}

func (h *Heap) moduleName(m uint64) (string, bool) {
	t, err := h.typeOf(m)
	if err != nil || t.kind != kindModule {
		return "", false
	}
	return h.strAttr(h.Dict(Addr(m)), "__name__")
}

// strAttr reads a str from a dict.
func (h *Heap) strAttr(dict Addr, name string) (string, bool) {
	v, ok := h.dictGet(uint64(dict), name)
	if !ok {
		return "", false
	}
	s, err := h.str(v, 1<<16)
	return s, err == nil
}

func (h *Heap) moduleFile(m Addr) (string, ModuleKind) {
	dict := h.Dict(m)
	file, _ := h.strAttr(dict, "__file__")
	origin := ""
	spec, hasSpec := h.dictGet(uint64(dict), "__spec__")
	if hasSpec {
		if v, err := h.Attr(Addr(spec), "origin"); err == nil {
			origin, _ = h.Str(v)
		}
	}
	loader := ""
	if hasSpec && origin == "" { // __loader__ says of __main__, too, that it is built in
		l, _ := h.Attr(Addr(spec), "loader")
		if t := h.typeAt(uint64(l)); t != nil { // both loaders are classes, not instances of one
			loader = h.nameOf(t)
		}
	}
	switch {
	case origin == "built-in", loader == "_frozen_importlib.BuiltinImporter": // 3.8 leaves sys without an origin
		return "", KindBuiltin
	case origin == "frozen", loader == "_frozen_importlib.FrozenImporter":
		return file, KindFrozen // of a stdlib module: __file__ names its source
	case file == "":
		file = origin
	}
	switch ext := filepath.Ext(file); {
	case strings.Contains(filepath.Base(file), ".so"):
		return file, KindExtension
	case ext == ".pyc":
		if src := sourceOf(file); src != "" {
			return src, KindSource
		}
		return file, KindBytecode
	case file != "":
		return file, KindSource
	case hasSpec && h.isNamespace(Addr(spec)):
		return "", KindNamespace
	}
	return "", KindOther
}

// sourceOf gives the source of a file in a __pycache__ directory.
func sourceOf(pyc string) string {
	dir := filepath.Dir(pyc)
	if filepath.Base(dir) != "__pycache__" {
		return ""
	}
	name, _, _ := strings.Cut(filepath.Base(pyc), ".")
	return filepath.Join(filepath.Dir(dir), name+".py")
}

// isNamespace says whether a spec has places to look for submodules but no file.
func (h *Heap) isNamespace(spec Addr) bool {
	v, err := h.Attr(spec, "submodule_search_locations")
	if err != nil {
		return false
	}
	t, err := h.typeOf(uint64(v))
	return err == nil && t.kind != kindAtom
}
