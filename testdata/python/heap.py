"""Builds a heap of about N objects (10 million) of the common kinds and says READY; on each line of input it counts and sizes them all with
the interpreter's own means, and says how many there are and how long that took."""
import gc
import sys
import time


class Node:
    def __init__(self, number):
        self.number = number
        self.name = "node %d" % number
        self.tags = ["first", number * 1000003, (number, "tag %d" % number)]
        self.table = {"key %d" % number: number + 0.5, "next": None, number: self.name}


def census():
    """Every object that the collector reaches, through gc.get_referents, with its size."""
    begin = time.perf_counter()
    getsizeof, referents = sys.getsizeof, gc.get_referents
    todo = gc.get_objects()
    seen = set(map(id, todo))
    size = 0
    while todo:
        o = todo.pop()
        size += getsizeof(o)
        for r in referents(o):
            if id(r) not in seen:
                seen.add(id(r))
                todo.append(r)
    return len(seen), size, time.perf_counter() - begin


gc.disable()
PER_NODE = 10  # what one Node adds, with its floats, ints and strings
nodes = [Node(i) for i in range(int(sys.argv[1]) // PER_NODE)]
gc.collect()
print("READY", flush=True)
for line in sys.stdin:
    print("%d %d %f" % census(), flush=True)
