"""Objects that several others hold; trace_test.go knows the paths."""
import collections, sys, types

held = "held: " + str(len(sys.argv))  # no constant, not interned
number = 123456789 + len(sys.argv)
raw = bytearray(held, "ascii")

other = types.ModuleType("other")
sys.modules["other"] = other
other.direct = held
other.box = [1, (held,)]
other.number = {"n": number, "many": [n for n in range(1000, 1020)] + [number]}
other.raw = {b"r": raw}

def make():
    x = held
    return lambda: x

other.closure = make()
other.same = {held: held}
other.constant = compile("'a constant of code'", "x", "eval")
print("held", hex(id(held)))
print("number", hex(id(number)))
print("raw", hex(id(raw)))
print("constant", hex(id(other.constant.co_consts[0])))
print("READY", flush=True)
sys.stdin.readline()
