package behind

import (
	"path/filepath"
	"strings"

	"pyfreeze/pyheap"
)

func names(s string) map[string]bool {
	out := map[string]bool{}
	for _, n := range strings.Fields(s) {
		out[n] = true
	}
	return out
}

var (
	// fixed are types whose values cannot change: they are told by what they are.
	fixed = names(`builtins.NoneType builtins.bool builtins.int builtins.float builtins.complex
		builtins.str builtins.bytes builtins.ellipsis builtins.NotImplementedType`)
	// leaf are types that are told apart by their address alone. What modules lead to is found from
	// them all, and code does not change.
	leaf = names(`builtins.module builtins.code builtins.builtin_function_or_method
		builtins.getset_descriptor builtins.member_descriptor builtins.method_descriptor
		builtins.wrapper_descriptor builtins.classmethod_descriptor builtins.method-wrapper
		builtins.frame builtins.traceback builtins.generator builtins.coroutine
		builtins.mappingproxy builtins.weakref weakref.ReferenceType`)
	// structural are attributes that say what an object is.
	structural = names(`__builtins__ __cached__ __doc__ __file__ __loader__ __spec__ __weakref__
		__dict__ __module__ __qualname__ __globals__ __annotations__ __annotations_cache__
		_abc_impl __abstractmethods__ __slots__ __match_args__ __static_attributes__
		__firstlineno__ __objclass__`)
)

// kept are attributes of modules that change by themselves and that no program reads for what it
// does: caches, and what a thaw sets anew. "" stands for the whole module. What they are says the
// source of the module, in Lib/ or Modules/.
var kept = map[string]map[string]bool{
	"_frozen_importlib":          {"": true},
	"_frozen_importlib_external": {"": true},
	"importlib._bootstrap":       {"": true},
	"linecache":                  names("cache"),
	"encodings":                  names("_cache"),
	"re":                         names("_cache _cache2"),    // Lib/re/__init__.py
	"sre_parse":                  names("_cache"),            // until 3.10
	"fnmatch":                    names("_cache"),            // Lib/fnmatch.py
	"struct":                     names("_cache"),            // Modules/_struct.c
	"typing":                     names("_cleanups _caches"), // Lib/typing.py
	"zipimport":                  names("_zip_directory_cache"),
	// Of the main thread, which a thaw sets anew.
	"threading": names("_active _limbo _dangling _counter _main_thread"),
	// What it has is called by a thaw.
	"snapshot_restore_py": names("_before_snapshot_registry _after_restore_registry"),
	"sys": names(`modules path_importer_cache argv orig_argv stdin stdout stderr __stdin__ __stdout__
		__stderr__ last_type last_value last_traceback last_exc`),
}

// bookkeeping says whether an attribute of a module is left out; name "" asks for the whole module.
func bookkeeping(module, name string) bool { return kept[module][""] || kept[module][name] }

// library is where Python's own library lies.
type library struct{ dir string }

func libraryOf(h *pyheap.Heap) library {
	a, err := h.Lookup("os.__file__")
	if err != nil {
		return library{}
	}
	file, err := h.Str(a)
	if err != nil {
		return library{}
	}
	return library{filepath.Dir(file) + "/"}
}

// has says whether a module is one of Python's own.
func (l library) has(m pyheap.Module) bool {
	switch m.Kind {
	case pyheap.KindBuiltin, pyheap.KindFrozen:
		return true
	}
	return l.dir != "" && strings.HasPrefix(m.File, l.dir) &&
		!strings.Contains(m.File[len(l.dir):], "-packages/")
}
