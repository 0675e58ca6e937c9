"""A process in which mercurial has run some commands, which then tells of its objects. Its argument is an empty directory."""
import os
import sys

sys.dont_write_bytecode = True  # no cache beside the tests
os.environ.update(HGRCPATH="", HGPLAIN="1", HGUSER="someone")
os.chdir(sys.argv[1])
devnull = os.open(os.devnull, os.O_WRONLY)

from mercurial import demandimport
demandimport.enable()
from mercurial import dispatch, ui

with open("a", "w") as f:
    f.write("a\n" * 100)


def run(*args):
    u = ui.ui.load()
    u.fout = u.ferr = open(os.devnull, "wb")
    status = dispatch.dispatch(dispatch.request([a.encode() for a in args], ui=u, fout=u.fout, ferr=u.ferr))
    if status:
        sys.exit("hg %r: %r" % (args, status))


for args in ("init", "."), ("add", "a"), ("commit", "-m", "first"), ("log", "-G"), ("status",), ("branches",), ("annotate", "a"), ("diff", "-c", "0"):
    run(*args)

import told
told.dump()
