"""A random graph of objects, and what Python says of each.

A forked child tells it, so that what is looked at (a __dict__ that comes into being) stays as it
was in the parent, which is read from outside.
"""
import array
import collections
import enum
import fractions
import functools
import gc
import json
import mmap
import os
import random
import struct
import sys
import types
import weakref

seed, count = int(sys.argv[1]), int(sys.argv[2])
rng = random.Random(seed)


class Plain:
    pass


class Slots:
    __slots__ = ("left", "right", "__weakref__")


class SlotsMore(Slots):
    __slots__ = ("right", "more")


class SlotsDict(Slots):
    __slots__ = ("below", "__dict__")


class Meta(type):
    pass


class Made(metaclass=Meta):
    held = []

    @property
    def prop(self):
        return 1


class Int(int):
    pass


class Str(str):
    pass


class Tuple(tuple):
    pass


class List(list):
    pass


class Dict(dict):
    pass


class Set(set):
    pass


class Deque(collections.deque):
    pass


class Color(enum.Enum):
    RED = 1
    BLUE = "b"


class Failure(Exception):
    pass


Point = collections.namedtuple("Point", "x y")
NAMES = ["a", "b", "c", "long_name", "é", "日", "x1", "x2", "x3", "_p", "A" * 40]
OWN = [Plain, Slots, SlotsMore, SlotsDict, Made, Int, Str, Tuple, List, Dict, Set, Deque, Failure, Point]


def an_int():
    n = rng.choice([0, 1, 29, 30, 31, 59, 60, 61, 63, 64, 90, 333, 5000])
    return rng.choice([1, -1]) * ((1 << n) + rng.randint(-2, 2))


def a_float():
    return rng.choice([0.0, -0.0, float("nan"), float("inf"), float("-inf"), 1e16, 1e15, 123456789.0,
        1e22, 1e-4, 1e-5, 5e-324, 0.1, 1.5, 1e300, 100.0, rng.random(), rng.random() * 1e9,
        rng.uniform(-1e17, 1e17), struct.unpack("d", rng.getrandbits(64).to_bytes(8, "little"))[0]])


def a_text():
    chars = rng.choice(["ab z", "a'\"\\", "\0\n\t\r\x1b\x7f", "é\xff\xa0\xad\x85", "Ā日\u2028\u3000\ufeff",
        "\U0001f40d\U000e0001", "\ud800\udcff\udfff", "é\U0001f40d\udc80'"])
    return "".join(rng.choice(chars) for _ in range(rng.choice([0, 1, 2, 5, 30])))


def some_bytes():
    return bytes(rng.choice([0, 39, 34, 92, 10, 127, 128, 255, 65]) for _ in range(rng.choice([0, 1, 4, 40])))


def atom():
    return rng.choice([an_int, an_int, a_float, a_float, a_text, a_text, some_bytes,
        lambda: None, lambda: True, lambda: False, lambda: Ellipsis, lambda: complex(a_float(), 1),
        lambda: Int(an_int()), lambda: Str(a_text()), lambda: rng.choice(list(Color)),
        lambda: range(rng.randrange(9), 99, 7), lambda: fractions.Fraction(1, 3)])()


graph = []


def old():
    return rng.choice(graph) if graph and rng.random() < 0.6 else atom()


def key():
    while True:
        k = old() if rng.random() < 0.5 else rng.choice(NAMES)
        try:
            hash(k)
            return k
        except (TypeError, ValueError):
            pass


def fill_dict(d, keys=key):
    for _ in range(rng.choice([0, 1, 3, 9, 40])):
        d[keys()] = old()
    for k in list(d):
        if rng.random() < 0.3:
            del d[k]
    for _ in range(rng.choice([0, 0, 2])):
        d[keys()] = old()
    return d


def fill_list(x):
    for _ in range(rng.choice([0, 1, 2, 17])):
        x.append(old())
    for _ in range(rng.choice([0, 0, 1, 5])):
        if x:
            x.pop()
    return x


def fill_set(s):
    for _ in range(rng.choice([0, 1, 4, 5, 30])):
        s.add(key())
    for k in list(s):
        if rng.random() < 0.4:
            s.remove(k)
    return s


def fill_deque(d):
    for _ in range(rng.choice([0, 1, 63, 64, 65, 200])):
        rng.choice([d.append, d.append, d.appendleft])(old())
    for _ in range(rng.choice([0, 1, 70])):
        if d:
            rng.choice([d.pop, d.popleft])()
    d.rotate(rng.randrange(-70, 70))
    return d


def attributes(o, most=len(NAMES)):
    for name in rng.sample(NAMES, rng.randrange(most)):
        setattr(o, name, old())
    for name in NAMES:
        if rng.random() < 0.15 and name in getattr(o, "__dict__", {}) and rng.random() < 0.5:
            delattr(o, name)
    if rng.random() < 0.2:
        o.late = old()
    return o


def plain():
    o = Plain()
    names = rng.sample(NAMES, rng.randrange(6))
    for name in names:
        setattr(o, name, old())
    if names and rng.random() < 0.3:
        delattr(o, names[0])
        if rng.random() < 0.5:
            setattr(o, names[0], old())
    if rng.random() < 0.2:
        graph.append(o.__dict__)
    if rng.random() < 0.1:
        o.__dict__[rng.choice([1, "not an identifier"])] = old()
    return o


def slots():
    o = rng.choice([Slots, SlotsMore, SlotsDict])()
    for name in "left", "right", "more", "below", "free":
        if rng.random() < 0.6:
            try:
                setattr(o, name, old())
            except AttributeError:
                pass
    return o


def function():
    x, y = old(), old()

    def f(a, b=x, *, c=y):
        return x, y, a
    if rng.random() < 0.5:
        f.attribute = old()
    return f


def generator():
    def g(a):
        b = old()
        yield a
        c = b
        del b
        yield c
        yield from iter([a, c])
    x = g(old())
    for _ in range(rng.randrange(6)):
        next(x, None)
    return x


def failure():
    try:
        try:
            raise KeyError(old())
        except KeyError as e:
            raise Failure(old(), old()) from e
    except Failure as e:
        e.note = old()
        return e


def weak():
    o = Plain()
    graph.append(o)
    return weakref.ref(o, *rng.choice([(), (print,)]))


def mapped():
    m = mmap.mmap(-1, 4096)
    m.write(b"x")
    return m


def some_array():
    a = array.array(rng.choice("bhqd"), [rng.randrange(100) for _ in range(rng.randrange(30))])
    if a:
        a.pop()
    return a


def byte_array():
    b = bytearray(some_bytes())
    for _ in range(rng.randrange(3)):
        del b[:2]
        b += some_bytes()
    return b


class Ordered(collections.OrderedDict):
    pass


def ordered():
    d = fill_dict(rng.choice([Ordered, collections.OrderedDict])())
    for k in rng.sample(list(d), len(d) // 2):
        d.move_to_end(k, last=rng.random() < 0.5)
    return d


makers = [atom, lambda: fill_list([]), lambda: tuple(fill_list([])), lambda: fill_dict({}),
    lambda: fill_dict({}, lambda: rng.choice(NAMES)), lambda: fill_set(set()),
    lambda: frozenset(fill_set(set())), lambda: fill_deque(collections.deque()),
    lambda: fill_deque(collections.deque(maxlen=rng.randrange(1, 80))), plain, plain, slots, function,
    generator, failure, weak, mapped, some_array, byte_array,
    lambda: attributes(Made()), lambda: attributes(types.SimpleNamespace()), lambda: Point(old(), old()),
    lambda: Tuple(fill_list([])), lambda: attributes(fill_list(List())),
    lambda: attributes(fill_dict(Dict())), lambda: fill_set(Set()), lambda: fill_deque(Deque()),
    lambda: fill_dict(collections.OrderedDict()), ordered, ordered, lambda: fill_dict(collections.defaultdict(list)),
    lambda: functools.partial(print, old(), sep=old()), lambda: types.MappingProxyType(fill_dict({})),
    lambda: Made().prop.__class__, lambda: [].append, lambda: plain().__init__, lambda: slice(old(), old()),
    lambda: iter(fill_list([])), lambda: memoryview(byte_array()), lambda: staticmethod(old()),
    lambda: type("New", (Plain,), {"held": old(), "f": lambda self: 1}), lambda: rng.choice(OWN), lambda: types.ModuleType("made"), lambda: Int(3),
    lambda: attributes(Int(5)), lambda: attributes(Tuple(fill_list([])))]

while len(graph) < count:
    graph.append(rng.choice(makers)())
loop = []
loop.append((loop, {"loop": loop}))
graph += [loop, loop[0]]
ids = {id(o) for o in graph}
exact = {int, float, str, bytes, bool, type(None), type(Ellipsis)}


def depth(o, seen=()):
    """How deep the repr of o goes; None where it has more than builtin types."""
    if type(o) in exact:
        return 0
    if id(o) in seen:
        return 0
    if type(o) not in (list, tuple, dict, set, frozenset):
        return None
    inner = [x for p in o.items() for x in p] if type(o) is dict else list(o)
    deep = [depth(x, seen + (id(o),)) for x in inner]
    return None if None in deep else 1 + max(deep, default=0)


def members(o):
    out = {}
    for c in type(o).__mro__:
        for name in c.__dict__.get("__slots__", ()):
            d = c.__dict__.get(name)
            if type(d) is types.MemberDescriptorType and name not in out:
                try:
                    out[name] = id(d.__get__(o))
                except AttributeError:
                    pass
    return out


kept_types = [o for o in graph if isinstance(o, type) and o.__module__ == "__main__"]


def tell():
    seen = set()
    told = []
    for o in graph:
        if id(o) in seen:
            continue
        seen.add(id(o))
        told.append((o, {"id": id(o), "type": type(o).__module__ + "." + type(o).__qualname__,
            "size": sys.getsizeof(o), "tracked": gc.is_tracked(o),
            "refs": sorted({id(r) for r in gc.get_referents(o)} & ids)}))
    for o, t in told:
        kind = type(o)
        d = depth(o)
        if d is not None and d <= 5:
            t["repr"] = repr(o).encode("ascii", "backslashreplace").decode()
        if isinstance(o, dict) or kind is types.MappingProxyType:
            t["items"] = [x for k, v in o.items() for x in (id(k), id(v))]
        elif isinstance(o, (list, tuple, set, frozenset, collections.deque)):
            t["items"] = [x for v in o for x in (0, id(v))]
        if type(getattr(o, "__dict__", None)) is dict and not isinstance(o, type):
            t["dict"] = [[n if type(n) is str else "", id(v)] for n, v in o.__dict__.items()]
        if isinstance(o, type) and o in kept_types:
            t["dict"] = [[n, id(v)] for n, v in vars(o).items()]
        if isinstance(o, Slots):
            t["slots"] = members(o)
        if kind is types.GeneratorType:
            f = o.gi_frame
            t["state"] = "finished" if f is None else "created" if f.f_lasti < 0 or f.f_lineno == f.f_code.co_firstlineno else "suspended"
            if f is not None:
                t["line"] = f.f_lineno or 0
                t["locals"] = {n: id(v) for n, v in f.f_locals.items()}
        if type(o) is Failure:
            t["cause"], t["trace"] = id(o.__cause__), id(o.__traceback__)
            t["raised"] = o.__traceback__.tb_lineno
        if kind is types.FunctionType:
            t["cells"] = [id(c.cell_contents) for c in o.__closure__]
        if isinstance(o, (bytes, bytearray)):
            t["bytes"] = bytes(o).hex()
        if kind in (int, Int):
            t["int"] = hex(o)
        if kind is float:
            t["float"] = struct.pack(">d", o).hex()
        print(json.dumps(t))


def descents():
    """Paths as a user would write them, and what they lead to."""
    out = []
    for _ in range(1500):
        i = rng.randrange(len(graph))
        o, path = graph[i], "__main__.graph[%d]" % i
        for _ in range(rng.randrange(5)):
            steps = []
            if type(o) in (dict, Dict, collections.defaultdict):
                steps = [("[%r]" % (k,), v) for k, v in o.items() if type(k) in (str, bytes, int)]
            elif type(o) in (list, tuple, List, Tuple, Point, collections.deque):
                steps = [("[%d]" % n, v) for n, v in enumerate(o)] + [("[%d]" % (n - len(o)), v) for n, v in enumerate(o)]
            elif type(o) in (Plain, Made, types.SimpleNamespace):
                steps = [("." + n, v) for n, v in o.__dict__.items() if type(n) is str and n.isidentifier()]
            elif isinstance(o, Slots):
                steps = [("." + n, getattr(o, n)) for n in members(o) if n.isidentifier() and not n.startswith("__")]
            elif type(o) is types.FunctionType:
                steps = [(".__defaults__", o.__defaults__), (".__code__", o.__code__), (".__name__", o.__name__)]
            elif type(o) is Failure:
                steps = [(".args", o.args), (".__cause__", o.__cause__), (".note", o.note)]
            elif type(o) is functools.partial:
                steps = [(".args", o.args), (".func", o.func), (".keywords", o.keywords)]
            if not steps:
                break
            step, o = rng.choice(steps)
            path += step
        out.append([path.encode("utf-8", "backslashreplace").decode(), id(o)])
    return out


def counts():
    out = {"__main__." + c.__qualname__: 0 for c in OWN if c not in (Int, Str, Tuple, Point)}
    for o in gc.get_objects():
        name = "__main__." + type(o).__qualname__
        if name in out and type(o) in OWN:
            out[name] += 1
    return out


one = object()
extra = [sys.getrefcount(o) for o in [one]][0] - 2
gc.collect()
gc.disable()
sys.stdout.flush()
child = os.fork()
if not child:
    many = counts()
    references = {id(o): sys.getrefcount(o) - extra for o in graph}
    print(json.dumps({"counts": many, "references": references, "paths": descents()}))
    tell()
    sys.stdout.flush()
    os._exit(0)
if os.waitpid(child, 0)[1]:
    sys.exit("the child failed")
print("READY", flush=True)
sys.stdin.readline()
