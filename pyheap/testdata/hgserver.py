"""A process that has all of mercurial loaded, then waits."""
import pkgutil, importlib, sys
import hgdemandimport
hgdemandimport.enable = lambda: None
import mercurial.dispatch, mercurial.ui, mercurial.hg
for m in pkgutil.walk_packages(mercurial.__path__, "mercurial."):
    if "win32" in m.name or "windows" in m.name or "__main__" in m.name or "scmwindows" in m.name:
        continue
    try:
        importlib.import_module(m.name)
    except BaseException:
        pass
u = mercurial.ui.ui.load()
print("READY", flush=True)
sys.stdin.readline()
