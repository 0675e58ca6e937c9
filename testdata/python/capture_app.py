"""Captures what it was started with, in every way that an object can be held."""
import functools, os, pwd, socket, sys

pager = os.environ["PAGER"]
visual = os.environb[b"VISUAL"]
first, *rest = sys.argv[1:]
everything = list(sys.argv)
encoded = tuple(os.fsencode(a) for a in sys.argv)
array = bytearray(os.environb[b"TOKEN"])
here = os.getcwd()
log = os.path.join(os.getcwd(), "some.log")
pid = os.getpid()
host = {"name": socket.gethostname()}
user = pwd.getpwuid(os.getuid())
by_value = {os.environ["TOKEN"]: 1}
nested = [{"a": ("x", os.environ["MIRROR"])}]
members = {os.environ["MIRROR"]}
partial = functools.partial(print, os.environ["EDITOR"])
under_a_key = {os.environ["TOKEN"]: [os.environ["EDITOR"]]}
under_bytes = {os.environb[b"TOKEN"]: [os.environ["EDITOR"]]}


class Settings:
    editor = os.environ["EDITOR"]

    def __init__(self):
        self.editor = os.environ["EDITOR"]


class Slots:
    __slots__ = ("editor",)


def closure():
    held = os.environ["EDITOR"]
    return lambda: held


def default(editor=os.environ["EDITOR"], *, keyword=os.environ["MIRROR"]):
    pass


settings = Settings()
slots = Slots()
slots.editor = os.environ["EDITOR"]
held = closure()

# No captures: part of a longer string, words of this source, numbers in a table.
longer = "see " + os.environ["MIRROR"]
constant = "plain-word"
table = {n: n + 0 for n in range(300, 70000, 1)}
