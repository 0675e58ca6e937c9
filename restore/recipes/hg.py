# Recipe for Mercurial: repairs what hg captures when its modules are imported or when a
# command ran in the frozen process. Chosen by itself when mercurial.dispatch is loaded.
#
# DETECT names the module; RESET_SIGNALS the signals whose handlers belong to a command, not to the program.

DETECT = 'mercurial.dispatch'
RESET_SIGNALS = ('SIGHUP', 'SIGTERM', 'SIGBREAK', 'SIGUSR1')


def thaw():
    import locale
    import os
    import sys

    loaded = sys.modules.get

    pycompat = loaded('mercurial.pycompat')
    if pycompat is not None:
        pycompat.sysargv = [os.fsencode(a) for a in sys.argv]
        if sys.executable:
            pycompat.sysexecutable = os.fsencode(sys.executable)

    encoding = loaded('mercurial.encoding')
    if encoding is not None:
        environ = os.environb
        try:
            name = environ.get(b'HGENCODING')
            if not name:
                name = locale.getpreferredencoding().encode('ascii') or b'ascii'
                name = encoding._encodingrewrites.get(name, name)
        except locale.Error:
            name = b'ascii'
        if name != encoding.encoding:
            encoding.encoding = name
        encoding.encodingmode = environ.get(b'HGENCODINGMODE', b'strict')
        encoding._wide = (
            environ.get(b'HGENCODINGAMBIGUOUS', b'narrow') == b'wide' and 'WFA' or 'WF'
        )

    procutil = loaded('mercurial.utils.procutil')
    if procutil is not None:
        _streams(procutil, sys)

    util = loaded('mercurial.util')
    if util is not None:
        mask = os.umask(0)
        os.umask(mask)
        for m in ('mercurial.posix', 'mercurial.util'):
            if hasattr(loaded(m), 'umask'):
                loaded(m).umask = mask
        util._dowarn = bool(os.environb.get(b'HGEMITWARNINGS'))

    i18n = loaded('mercurial.i18n')
    if i18n is not None and hasattr(i18n, '_msgcache'):
        i18n._msgcache.clear()


def _streams(procutil, sys):
    # As procutil does when it is imported.
    if sys.stdin is None:
        stdin = procutil.BadFile()
    else:
        stdin = sys.stdin.buffer
    out = []
    for stream in (sys.stdout, sys.stderr):
        out.append(procutil.BadFile() if stream is None else procutil._make_write_all(stream.buffer))
    stdout, stderr = out
    if procutil.isatty(stdout):
        stdout = procutil.make_line_buffered(stdout)
    olds = (procutil.stdin, procutil.stdout, procutil.stderr)
    procutil.stdin, procutil.stdout, procutil.stderr = news = (stdin, stdout, stderr)
    # 'from .utils.procutil import stdout' made copies of the names.
    for name in ('mercurial.util', 'mercurial.ui', 'mercurial.dispatch', 'mercurial.commandserver'):
        m = sys.modules.get(name)
        if m is None:
            continue
        d = m.__dict__
        for attr, old, new in zip(('stdin', 'stdout', 'stderr'), olds, news):
            if d.get(attr) is old:
                d[attr] = new
