"""Prints expressions with their repr; the tests evaluate them from outside."""
import collections, sys, threading, types

class Base:
    inherited = "from the base"

class Attrs(Base):
    shared = ("class", "attribute")
    def __init__(self):
        self.one = 1
        self.text = "text"
    def method(self):
        pass

class Slots:
    __slots__ = ("s",)
    def __init__(self):
        self.s = [1, 2.5]

class Many:
    pass

class Sub(dict):
    pass

a = Attrs()
moved = Attrs()
moved.__dict__["extra"] = b"by dict"
many = Many()
for i in range(60):
    setattr(many, "n%d" % i, i)
slots = Slots()
sub = Sub(k=(None, True, False, ...))
sub.attr = "of a dict"
text = ["", "plain", "it's", 'both \' and "', "tab\tnew\nline\\", "\x00\x7f", "é\xa0", "λx", "\U0001f600 smile", "\ue000"]
data = [b"", b"plain", b"it's", b"\\x41 \x00\xff", bytearray(b"array")]
ints = [0, 1, -1, 2**30, -2**30, 2**60 - 1, 2**63 - 1, -2**63, 2**64, -3**200, True]
floats = [0.5, 1.0, -2.0, 1e100]
nest = {"l": [1, (2,), ()], 3: {"x": None}, b"k": [[]]}
deleted = {i: i for i in range(10)}
del deleted[3]
single = {7}
frozen = frozenset([8])
empty = set()
mod = types.ModuleType("made")
mod.inside = "of a module"

EXPR = ["a.one", "a.text", "a.shared[1]", "a.inherited", "Attrs.inherited", "moved.extra", "moved.one", "many.n0",
    "many.n59", "slots.s", "sub['k']", "sub.attr", "nest", "nest['l'][1]", "nest[3]['x']", "nest[b'k'][0]", "nest['l'][-1]",
    "deleted", "single", "frozen", "empty", "mod.inside", "Attrs.method.__name__", "Attrs.method.__code__.co_name", "floats"]
EXPR += ["text[%d]" % i for i in range(len(text))]
EXPR += ["data[%d]" % i for i in range(4)]
EXPR += ["ints[%d]" % i for i in range(len(ints))]

def frames():
    f, out = sys._getframe(1), []
    while f:
        out.append("F %s %d" % (f.f_code.co_name, f.f_lineno))
        f = f.f_back
    return out

def leaf(x, *args, key=None):
    local = [x]
    inner = [y for y in (1, 2)]
    print("\n".join(frames()))
    for name, m in list(sys.modules.items()):
        if m is not None:
            print("M", name, hex(id(m)))
    print("T", threading.get_ident(), threading.get_native_id())
    print("READY", flush=True); sys.stdin.readline()

def middle(n):
    if n:
        return middle(n - 1)
    return list(map(lambda v: leaf(v, 1, 2, key="kw"),
        ["the value"]))

for e in EXPR:
    print("E", e, ascii(eval(e)))
middle(2)
