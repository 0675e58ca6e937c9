package pyheap

import (
	"fmt"
	"slices"
	"testing"
)

// kindsScript has objects of many types of the standard library; expressions over them are told
// with what they lead to, and what is stored under every name, as far as no code runs.
const kindsScript = `
import array, asyncio, collections, contextvars, ctypes, dataclasses, datetime, decimal, enum, fractions, functools, hashlib, inspect
import io, itertools, mmap, operator, pathlib, queue, re, select, socket, struct, threading, typing, weakref
class Base:
    __slots__ = ("slot", "__weakref__")
    shared = ["class"]
    def method(self): return self
    @classmethod
    def of_class(cls): pass
    @staticmethod
    def static(): pass
    @property
    def prop(self): return 1
class Derived(Base):
    __slots__ = ("other",)
    shared = ["derived"]
class Free(Derived):
    def __init__(self): self.own = self.shared = ["own"]
@dataclasses.dataclass
class Data:
    x: int
    y: list = dataclasses.field(default_factory=list)
class Named(typing.NamedTuple):
    first: object
    second: object = None
class Color(enum.Enum):
    RED = [1]
class Meta(type):
    def __call__(cls, *a): return super().__call__(*a)
    meta_attr = ["meta"]
class WithMeta(metaclass=Meta):
    attr = ["attr"]
def closes(a, b=("default",), *, c=["keyword"]):
    held = [a]
    def inner(): return held, a
    return inner
@functools.lru_cache(None)
def cached(x): return [x]
@functools.wraps(closes)
def wrapper(): pass
slotted, derived, free = Base(), Derived(), Free()
slotted.slot, derived.other, derived.slot, free.slot = ["slot"], ["other"], ["slot2"], ["slot3"]
data, named, meta = Data(1, [2]), Named(["f"]), WithMeta()
inner, partial = closes(["a"]), functools.partial(closes, ["p"], c=["q"])
bound, ns = free.method, types.SimpleNamespace(a=["a"], b={"c": ["d"]})
cached(3)
ref, cell = weakref.ref(free), types.CellType(["in cell"])
prop, chain = Base.__dict__["prop"], collections.ChainMap({"a": ["1"]}, {"b": ["2"]})
user = collections.UserDict(k=["v"])
ordered = [collections.OrderedDict(a=1), collections.OrderedDict()]
exc, more = KeyError(["arg"], 2), [OSError(), ValueError()]
exc.added = ["added"]
proxy = types.MappingProxyType({"k": ["v"]})
queued = queue.Queue(); queued.put(["queued"])
deq = collections.deque([["left"], ["right"]], 5)
buffer = memoryview(bytearray(b"abc"))
cut = slice(["start"], ["stop"])
nested = [{"a": ({"b": [[["deep"]]]},)}]
odd = {"it's": ["1"], 'a"b': ["2"], "a]b": ["3"], "": ["4"], 3: ["5"], -7: ["6"], b"b'": ["7"], "\n": ["8"], 1 << 80: ["9"]}
path = pathlib.Path("/tmp")
alias = typing.List[int]
generic = list[int] if NEW >= (3, 9) else alias
expressions = '''slotted.slot derived.other derived.slot free.slot free.own free.shared Base.shared Derived.shared data.x data.y data.y[0]
named[0] named[1] named[-2] Color.RED._value_ Color._member_map_['RED'] inner.__closure__[0].cell_contents
inner.__closure__[1].cell_contents inner.__code__ inner.__globals__ closes.__defaults__[0] closes.__kwdefaults__['c']
closes.__code__.co_consts closes.__code__.co_name wrapper.__wrapped__ wrapper.__wrapped__.__code__ partial.func partial.args[0] partial.keywords['c']
bound.__self__ bound.__func__ bound.__func__.__code__ ns.a ns.b['c'] cell.cell_contents prop.fget prop.fget.__code__ chain.maps[0]['a'] chain.maps[1]['b']
user.data['k'] exc.args[0] exc.args exc.added proxy['k'] queued.queue[0] deq[0] deq[1] deq[-1] cut.start cut.stop
nested[0]['a'][0]['b'][0][0][0] odd["it's"] odd['a"b'] odd['a]b'] odd[''] odd[3] odd[-7] odd[b"b'"] odd['\\n'] odd[1208925819614629174706176]
Base.__mro__ Free.__mro__[1] Free.__bases__[0] Free.__base__ Free.__class__ WithMeta.__class__ meta.__class__ WithMeta.attr meta.attr
free.__class__ free.__class__.__mro__[-1] ref.__class__ cached.__wrapped__ os.environ._data os.path os.path.join sys.modules sys.modules['os']
sys.path sys.path[0] sys.path_hooks sys.stdout.buffer.raw threading._active collections.abc.Mapping json.decoder.JSONDecoder
Base.__dict__ len print None True KeyError builtins.len __main__.nested[0] functools.partial'''.split()
names = "shared slot other own attr meta_attr x y method of_class static prop first __init__ __doc__ __module__ __name__ a".split()
subjects = "slotted derived free data named meta Base Derived Free Data Named WithMeta ns exc user inner bound partial os sys closes".split()
MEMBERS = (types.MemberDescriptorType, types.GetSetDescriptorType)
def stored(o, name):
    """What is stored: in the instance, then along the mro; what C code computes is left out."""
    if not isinstance(o, type):
        d = getattr(o, "__dict__", None)
        if type(d) is dict and name in d: return d[name]
    for lookup in ([o] if isinstance(o, type) else []) + [type(o)]:
        for c in lookup.__mro__:
            if name in c.__dict__:
                v = c.__dict__[name]
                if type(v) is types.MemberDescriptorType and lookup is not o:
                    try: return v.__get__(o)
                    except AttributeError: return Ellipsis
                return Ellipsis if type(v) is types.GetSetDescriptorType or type(o) in (types.FunctionType, types.MethodType, functools.partial) else v
    return NotImplemented
def ask():
    import builtins
    space = dict(globals(), builtins=builtins, __main__=sys.modules["__main__"])
    live = [o for o in gc.get_objects() if type(o) is not types.FrameType]
    of = {"collections.OrderedDict": collections.OrderedDict, "enum.Enum": enum.Enum, "dict": dict, "list": list, "type": type, "tuple": tuple,
        "__main__.Base": Base, "__main__.Derived": Derived, "Exception": Exception}
    objects = {n: [id(o) for o in live if isinstance(o, t) and issubclass(type(o), t)] for n, t in of.items()}
    return {"paths": {e: id(eval(e, space)) for e in expressions if e != "Base.__dict__"}, "of": objects,
        "stored": [[s, n, id(v)] for s in subjects for n in names for v in [stored(globals()[s], n)] if v is not Ellipsis and v is not NotImplemented],
        "missing": [[s, n] for s in subjects for n in names if stored(globals()[s], n) is NotImplemented and not hasattr(globals()[s], n)],
        "referrers": {id(o): [id(r) for r in gc.get_referrers(o) if type(r) is not types.FrameType and id(r) in ids and r is not live]
            for ids in [set(map(id, kept))] for o in (Base, Color, tell, derived, free, cell, closes.__kwdefaults__["c"])}}
kept = [o for o in gc.get_objects() if type(o) is not types.FrameType]
tell(ask)
`

type toldKinds struct {
	Paths     map[string]Addr
	Of        map[string][]Addr
	Stored    [][3]any
	Missing   [][2]string
	Referrers map[Addr][]Addr
}

// TestKinds compares paths, attributes, objects of types and referrers with what Python says.
func TestKinds(t *testing.T) {
	eachPython(t, func(t *testing.T, python string) {
		var want toldKinds
		tg := toldBy(t, python, kindsScript, &want)
		h, w := tg.heap, tg.walk(t)
		for path, id := range want.Paths {
			if a, err := h.Lookup(path); err != nil || a != id {
				t.Errorf("%s leads to %v (%v), in Python to %v %s", path, a, err, id, h.About(id))
			}
		}
		for _, s := range want.Stored {
			a, name, id := mustLookup(t, h, "__main__."+s[0].(string)), s[1].(string), Addr(s[2].(float64))
			if v, err := h.Attr(a, name); err != nil || v != id {
				t.Errorf("%s.%s is %s (%v), in Python %s", s[0], name, h.About(v), err, h.About(id))
			}
		}
		for _, m := range want.Missing {
			if v, err := h.Attr(mustLookup(t, h, "__main__."+m[0]), m[1]); err == nil {
				t.Errorf("%s.%s is %s, in Python there is none", m[0], m[1], h.About(v))
			}
		}
		for name, ids := range want.Of {
			got := map[Addr]bool{}
			for _, o := range w.OfType(name) {
				got[o.Addr] = true
			}
			missing := slices.DeleteFunc(slices.Clone(ids), func(a Addr) bool {
				_, found := w.Find(a) // the child made some that are not here
				return got[a] || !found
			})
			if len(missing) > 0 || len(ids) < 2 && name != "__main__.Derived" || !w.HasType(name) {
				t.Errorf("%d objects of %s are not found, first %s", len(missing), name, fmt.Sprint(missing[:min(len(missing), 1)]))
			}
		}
		if w.HasType("no.such") || len(w.OfType("no.such")) != 0 {
			t.Error("there are objects of a type that nobody has made")
		}
		for a, from := range want.Referrers {
			got := map[Addr]bool{}
			for _, r := range w.Referrers(a) {
				got[r.Object] = true
				if r.How == "" {
					t.Errorf("%v refers to %v in no way", r.Object, a)
				}
			}
			for _, f := range from {
				if !got[f] {
					t.Errorf("%s refers to %s, which is not found", h.About(f), h.About(a))
				}
			}
		}
	})
}
