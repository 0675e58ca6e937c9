"""What a process says of its own objects, for a test to compare."""
import gc
import sys
import types


def dump():
    """Prints every object that the collector knows: id, type, size, and the ids of what it refers to; then waits."""
    gc.collect()
    roots = gc.get_objects()
    frame = sys._getframe()
    skip = {id(roots), id(frame)}
    lines = []
    skip |= {id(skip), id(lines)}
    write = lines.append
    for o in roots:
        if id(o) in skip or type(o) is type(frame):
            continue
        t = type(o)
        try:
            size = sys.getsizeof(o)
        except Exception:
            size = -1
        if getattr(t, "__sizeof__", None) is not None and isinstance(t.__sizeof__, types.FunctionType):
            size = -1
        name = "%s.%s" % (t.__module__ if isinstance(t.__module__, str) else "?", t.__qualname__)
        refs = " ".join("%x" % id(r) for r in gc.get_referents(o) if id(r) not in skip)
        write("%x %s %d %s\n" % (id(o), name.replace(" ", "_"), size, refs))
    sys.stdout.write("".join(lines) + "READY\n")
    sys.stdout.flush()
    sys.stdin.readline()

