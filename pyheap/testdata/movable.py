"""Containers of every class: name, address, what would become of them if they were moved, and why."""
import contextvars, ctypes, functools, sys, weakref

class Plain:
    pass

class ById:
    def __hash__(self):
        return id(self)

class ByName:
    def __init__(self, name):
        self.name = name
    def __hash__(self):
        return hash(self.name)

plain, kept_id = Plain(), {}
kept_id["it"] = id(plain)
keep = []

def say(name, o, fate, why=""):
    keep.append(o)
    print(name, hex(id(o)), fate, why)

text = "text" + str(len(sys.argv))
say("str", text, "free")
say("list", [plain], "free")
say("tuple", (plain, 1), "free")
say("instance", Plain(), "free")
say("names", {"a" + text: plain, "b": 2}, "free")
say("numbers", {1: plain, 2.5: 3, (1, "x"): 4}, "free")
say("by_value", {ByName("x"): 1}, "free")
say("by_object", {plain: 1}, "rebuild", "a dict with keys hashed by address: __main__.Plain")
say("by_class", {Plain: 1, "x": 2}, "rebuild", "builtins.type")
say("by_method", {plain.__init__: 1}, "rebuild")
say("by_builtin", {keep.append: 1}, "rebuild")
say("by_tuple", {("x", (plain,)): 1}, "rebuild", "builtins.tuple")
say("by_id", {ById(): 1}, "unknown", "__hash__ of __main__.ById may use id()")
say("by_part", {ByName(plain): 1}, "rebuild", "__main__.ByName")
say("set", {1, "x"}, "free")
say("set_by_object", {plain, 1}, "rebuild", "a set with keys")
say("frozenset", frozenset([text]), "free")
say("frozenset_by_object", frozenset([Plain]), "rebuild")
say("set_by_id", {ById()}, "unknown", "a set whose order")
say("emptied", {plain: 1}, "free")
keep[-1].clear()
ref, hashed, named = weakref.ref(plain), weakref.ref(Plain), ByName("y")
hash(hashed)
value_ref = weakref.ref(named)
hash(value_ref)
say("weakref", ref, "free")
say("weakref_hashed", hashed, "rebuild", "kept its hash")
say("weakref_value", value_ref, "free")
say("var", contextvars.ContextVar("v"), "rebuild", "ContextVar")
exported = bytearray(b"x" * 100)
view = memoryview(exported)
say("bytearray", bytearray(b"y" * 100), "free")
say("exported", exported, "pinned", "buffer that is exported")
viewed = bytes(text * 20, "ascii")
view2 = memoryview(viewed)
say("viewed", viewed, "pinned", "buffer that is exported")
number = ctypes.c_long(5)
say("ctypes", number, "pinned", "memory of ctypes")

class Slots:
    __slots__ = ("a", "__weakref__")

say("slots", Slots(), "free")

class Kept:
    def __init__(self, hash):
        self.kept = hash
    def __hash__(self):
        return self.kept

say("kept", Kept(hash(plain)), "unknown", "__hash__ of __main__.Kept uses kept, which may be a hash that it kept")
say("no_kept", Kept(12), "free")

@functools.lru_cache()
def cached(x, y):
    return x

cached(plain, 1)
say("function", cached.__wrapped__, "free")
say("static", None, "static")
print("READY", flush=True)
sys.stdin.readline()
