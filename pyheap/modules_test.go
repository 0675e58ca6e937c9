package pyheap

import (
	"testing"
)

// modulesScript imports modules of every kind, and tells what importlib says that each is.
const modulesScript = `
import importlib.machinery as m, importlib.util, py_compile, tempfile, zipfile, decimal, _ctypes, time, marshal, json.decoder
place = tempfile.mkdtemp(dir=sys.argv[1])
def put(name, text=""):
    path = os.path.join(place, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)
    return path
put("in_source.py", "x = 1"); put("package/__init__.py"); put("package/sub.py"); put("spaces/one.py")
py_compile.compile(put("gone.py", "y = 2"), os.path.join(place, "gone.pyc"))
os.remove(os.path.join(place, "gone.py"))
with zipfile.ZipFile(os.path.join(place, "z.zip"), "w") as z:
    z.writestr("zipped.py", "z = 3")
put("runs.py", "import sys; sys.modules[__name__] = sys")
sys.path[:0] = [place, os.path.join(place, "z.zip")]
import in_source, package.sub, spaces.one, gone, zipped
class Fake(types.ModuleType):
    pass
sys.modules["made"] = types.ModuleType("made")
sys.modules["faked"] = Fake("faked")
sys.modules["number"] = 3
sys.modules["spaced"] = types.SimpleNamespace(__file__="/a/b.py")
sys.modules["blocked"] = None
sys.modules["é.日"] = types.ModuleType("é")
import importlib
importlib.import_module("in_source").__file__ = os.path.join(place, "in_source.py")
lazy = importlib.util.spec_from_file_location("lazy", put("lazy.py"), loader=importlib.util.LazyLoader(m.SourceFileLoader("lazy", put("lazy.py"))))
sys.modules["lazy"] = importlib.util.module_from_spec(lazy)

def kind(mod):
    spec = mod.__dict__.get("__spec__") if hasattr(mod, "__dict__") else None
    loader = spec.loader if spec else None
    if loader is m.BuiltinImporter: return "builtin"
    if loader is m.FrozenImporter: return "frozen"
    if isinstance(loader, m.ExtensionFileLoader): return "extension"
    if isinstance(loader, m.SourcelessFileLoader): return "bytecode"
    if isinstance(loader, (m.SourceFileLoader, importlib.util.LazyLoader)) or type(loader).__name__ == "zipimporter": return "source"
    if spec and spec.submodule_search_locations is not None: return "namespace"
    return "source" if hasattr(mod, "__file__") else "other"
def ask():
    return [[n, id(x), id(x.__dict__) if type(getattr(x, "__dict__", None)) is dict else 0, kind(x),
        x.__dict__.get("__file__") or "" if hasattr(x, "__dict__") else ""] for n, x in list(sys.modules.items()) if x is not None]
tell(ask)
`

// TestModuleKinds compares sys.modules, what each was loaded from and where its names are.
func TestModuleKinds(t *testing.T) {
	eachPython(t, func(t *testing.T, python string) {
		var want [][5]any
		tg := toldBy(t, python, modulesScript, &want, t.TempDir())
		got, err := tg.heap.Modules()
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d modules, Python has %d: %v", len(got), len(want), err)
		}
		kinds := map[ModuleKind]int{}
		for i, m := range got {
			w := want[i]
			kinds[m.Kind]++
			if m.Name != w[0] || m.Addr != Addr(w[1].(float64)) || string(m.Kind) != w[3] {
				t.Errorf("module %d is %+v, Python says %v", i, m, w)
			}
			if w[2] != 0.0 && m.Dict != Addr(w[2].(float64)) && m.Dict != 0 {
				t.Errorf("names of %s are in %v, Python says %v", m.Name, m.Dict, w[2])
			}
			if file := w[4].(string); m.File != file && m.Kind != KindBuiltin {
				t.Errorf("%s was loaded from %q, Python says %q", m.Name, m.File, file)
			}
		}
		for _, k := range []ModuleKind{KindBuiltin, KindFrozen, KindExtension, KindSource, KindBytecode, KindNamespace, KindOther} {
			if kinds[k] == 0 {
				t.Errorf("no module is %s", k)
			}
		}
	})
}
