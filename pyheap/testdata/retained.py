"""Objects whose sizes and retained sizes are known, told as JSON."""
import array, collections, decimal, gc, io, json, mmap, struct, sys, weakref


class Node:
    def __init__(self, *refs):
        self.refs = refs


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self):
        self.a, self.b = [1.5], 2.5


def leaf():
    return Node([3.25] * 10)


shared = leaf()
only = Node(leaf(), leaf(), shared)     # keeps two of the three
other = Node(shared)
cycle = Node([0.5])
cycle.refs = (cycle, [cycle, 7.125])
watched = Node()
watch = weakref.ref(watched)
both = [Node(), Node()]
both[0].refs, both[1].refs = (both[1],), (both[0],)
text = "".join(["only ", "here"]) * 50
holder = {"text": text, "list": [text]}
del text
named = {"only": only, "other": other, "shared": shared, "cycle": cycle, "watched": watched, "both": both, "holder": holder}

# sys.getsizeof is right about these, and wrong about those that it leaves something out of.
data = io.BytesIO()
data.write(b"x" * 123457)
right = {"dict": {i: None for i in range(1000, 1100)}, "list": list(range(500)), "set": set(range(200)), "str": "x" * 999,
         "wide": "\u4e2d" * 500, "bytes": bytes(777), "bytearray": bytearray(12345), "array": array.array("d", range(1000)),
         "deque": collections.deque(range(1000)), "struct": struct.Struct("iiiiii"), "decimal": decimal.Decimal("1" * 500),
         "int": 7 ** 999, "bytesio": data, "slotted": Slotted(), "tuple": tuple(range(50)), "float": 1.25}
more = {"instance": Node(1, 2), "mmap": mmap.mmap(-1, 1 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)}
duplicates = [bytes([i % 3 + 65]) * 1001 for i in range(30)]
sparse = {i: i for i in range(5000)}
for i in range(4990):
    del sparse[i]


def retained(obj):
    """By the definition: what the collector would find unreachable from elsewhere, among GC objects."""
    atoms = (type, type(sys), type(leaf), type(None), int, bool)

    def below(o):
        return [r for r in gc.get_referents(o) if not isinstance(r, atoms) and r is not vars(sys.modules["__main__"])]
    inside, todo = {id(obj): obj}, [obj]
    while todo:
        for r in below(todo.pop()):
            if id(r) not in inside:
                inside[id(r)] = r
                todo.append(r)
    reachable, todo = set(), []
    roots = [o for o in gc.get_objects() if id(o) not in inside and o is not inside and o is not todo]
    seen = {id(o) for o in roots}
    for o in roots:
        if o is named or o is reachable or o is seen or o is roots:
            continue
        for r in gc.get_referents(o):
            if id(r) in inside and r is not obj:
                todo.append(r)
    while todo:
        r = todo.pop()
        if id(r) in reachable:
            continue
        reachable.add(id(r))
        todo += [x for x in below(r) if id(x) in inside and x is not obj]
    return sorted(hex(i) for i in inside if i not in reachable)


gc.collect()
print(json.dumps({
    "retained": {name: retained(o) for name, o in named.items()}, "address": {name: hex(id(o)) for name, o in {**named, **right, **more}.items()},
    "right": {name: sys.getsizeof(o) for name, o in right.items()}, "more": {name: sys.getsizeof(o) for name, o in more.items()},
    "sparse": hex(id(sparse))}))
print("READY", flush=True)
sys.stdin.readline()
