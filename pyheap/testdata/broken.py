"""Objects for a test to break, and structures that are hard to walk; prints their addresses."""
import gc
import sys
import time

class Slots:
    __slots__ = ("held",)

deep = None
for _ in range(1_000_000):
    deep = (deep,)
deep_list = []
for _ in range(200_000):
    deep_list = [deep_list]
cycle = []
for _ in range(100_000):
    cycle.append([cycle])
cycle.append(cycle)

victims = {
    "wild_type": [Slots()], "no_refs": [Slots()], "negative_list": [1, 2], "huge_tuple": [("a", 2)], "huge_list": [3, 4],
    "huge_str": ["a victim, long enough not to be interned"], "bad_keys": [{"a": 1}], "bad_set": [set(range(100))], "dangling": [Slots()],
    "unaligned": [Slots()], "overlap": [("o", 1, 2, 3)], "huge_bytes": [b"another victim"], "huge_int": [1 << 100], "freed": [Slots()],
}
for s in ("dangling", "unaligned", "freed"):
    victims[s][0].held = object()
for name, v in victims.items():
    target = v if name.endswith("_list") else v[0]
    print("VICTIM", name, hex(id(target)), hex(id(v)))
gc.collect()
print("READY", flush=True)
sys.stdin.read()
