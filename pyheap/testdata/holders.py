"""Keeps objects in many ways; what the tests expect of each is in holders_test.go."""
import collections, ctypes, mmap, select, socket, sys, threading, weakref

class Conn:
    def __init__(self, sock):
        self.sock = sock

class Slotted:
    __slots__ = ("sock", "__weakref__")

class Conn2(socket.socket):
    pass

def sock():
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

table = {"db": Conn(sock())}
slotted = Slotted()
slotted.sock = sock()
nested = [{"k": (sock(),)}]

def generator():
    held = sock()
    yield held

gen = generator()
next(gen)

def closure():
    held = sock()
    def inner():
        return held
    return inner

func = closure()
queue = collections.deque([sock()])
popped = collections.deque([sock(), 1])
weak = {}
cls = type("Dyn", (), {"sock": sock()})
default = lambda s=sock(): s
subclass = Conn2(socket.AF_INET, socket.SOCK_DGRAM)
opened = open("/dev/null", "rb")

class Mapped:
    """An mmap keeps a duplicate of the descriptor, which it does not tell."""
    def __init__(self, f):
        import os
        self.fd = os.dup(f.fileno())  # the lowest that is free
        os.close(self.fd)
        self.map = mmap.mmap(f.fileno(), 4096, access=mmap.ACCESS_READ)

# Memory of unknown type, as an extension has it, that holds addresses.
opaque = (ctypes.c_void_p * 512)()

def hold_in_opaque():
    s = sock()
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(s))
    opaque[0] = id(s)
    say("guessed", s)

mapped = Mapped(open(sys.executable, "rb"))

def say(name, o):
    print(name, hex(id(o)), o.fileno())

def thread_main(ready, stop):
    in_thread = sock()
    say("in_thread", in_thread)
    ready.set()
    stop.wait()

def deep(n, arg):
    if n:
        return deep(n - 1, arg)
    only_local = sock()
    poller = select.epoll()
    weak["x"] = weakref.ref(only_local)
    from_queue = popped.popleft()
    say("only_local", only_local)
    say("poller", poller)
    say("from_queue", from_queue)
    cell = sock()
    say("cell", cell)
    stale = sock()
    opaque[1] = id(stale)
    say("stale", stale)
    def uses():
        return cell
    print("READY", flush=True)
    sys.stdin.readline()

say("table", table["db"].sock)
say("slotted", slotted.sock)
say("nested", nested[0]["k"][0])
say("gen", gen.gi_frame.f_locals["held"])
say("func", func())
say("queue", queue[0])
say("cls", cls.sock)
say("default", default())
say("subclass", subclass)
say("opened", opened.raw if hasattr(opened, "raw") else opened)
print("mapped", hex(id(mapped.map)), mapped.fd)
say("stdin", sys.stdin.buffer.raw)
hold_in_opaque()
ready, stop = threading.Event(), threading.Event()
threading.Thread(target=thread_main, args=(ready, stop), daemon=True, name="worker").start()
ready.wait()
deep(3, ["the argument"])
