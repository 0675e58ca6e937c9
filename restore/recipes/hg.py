# Recipe for Mercurial: repairs what hg captures when its modules are imported or when a
# command ran in the frozen process. Chosen by itself when mercurial.dispatch is loaded.
#
# DETECT names the module; RESET_SIGNALS the signals whose handlers belong to a command, not to the program.
# ENV and COUNT name variables and types: config['env'] and config['count'] have their values and how many
# objects there were at the freeze.
# thaw() runs in every thawed process, before the program. What it returns, if anything, is the
# reason why the plain command must run instead.

DETECT = 'mercurial.dispatch'
RESET_SIGNALS = ('SIGHUP', 'SIGTERM', 'SIGBREAK', 'SIGUSR1')
ENV = ('LANGUAGE', 'LC_ALL', 'LC_MESSAGES', 'LANG')
COUNT = ('mercurial.dispatch.lazyaliasentry')

import os
import sys

_loaded = sys.modules.get


def thaw():
    return _policy() or _pycompat() or _encoding() or _i18n() or _util() or _streams() or _commands() or _extensions()


def _policy():
    policy = _loaded('mercurial.policy')
    if policy is None:
        return
    built = getattr(_loaded('mercurial.__modulepolicy__'), 'modulepolicy', b'allow')
    if os.environb.get(b'HGMODULEPOLICY', built) != policy.policy:
        return 'HGMODULEPOLICY has changed'


def _pycompat():
    pycompat = _loaded('mercurial.pycompat')
    if pycompat is None:
        return
    pycompat.sysargv = [os.fsencode(a) for a in sys.argv]
    if sys.executable:
        pycompat.sysexecutable = os.fsencode(sys.executable)


def _encoding():
    encoding = _loaded('mercurial.encoding')
    if encoding is None:
        return
    environ = os.environb
    import locale

    try:
        name = environ.get(b'HGENCODING')
        if not name:
            name = locale.getpreferredencoding().encode('ascii') or b'ascii'
            name = encoding._encodingrewrites.get(name, name)
    except locale.Error:
        name = b'ascii'
    encoding.encoding = name
    encoding.encodingmode = environ.get(b'HGENCODINGMODE', b'strict')
    encoding._wide = environ.get(b'HGENCODINGAMBIGUOUS', b'narrow') == b'wide' and 'WFA' or 'WF'


def _i18n():
    i18n = _loaded('mercurial.i18n')
    if i18n is None or all(os.environ.get(k) == v for k, v in config['env'].items()):
        return
    # Many messages are translated when a module is imported: only the same catalogue will do.
    now = i18n.gettextmod.translation('hg', i18n.localedir, i18n._languages, fallback=True)
    if type(now) is not type(i18n.t) or getattr(now, '_catalog', None) is not getattr(i18n.t, '_catalog', None):
        return 'another language'


def _util():
    mask = os.umask(0)
    os.umask(mask)
    for name in ('mercurial.posix', 'mercurial.util'):
        m = _loaded(name)
        if m is not None and 'umask' in m.__dict__:
            m.umask = mask
    util = _loaded('mercurial.util')
    if util is not None and '_dowarn' in util.__dict__:
        if bool(os.environb.get(b'HGEMITWARNINGS')) != util._dowarn:
            return 'HGEMITWARNINGS has changed'


def _streams():
    procutil = _loaded('mercurial.utils.procutil')
    if procutil is None or 'stdin' not in procutil.__dict__:
        return
    # As procutil does when it is imported.
    stdin = procutil.BadFile() if sys.stdin is None else sys.stdin.buffer
    stdout, stderr = [
        procutil.BadFile() if s is None else procutil._make_write_all(s.buffer) for s in (sys.stdout, sys.stderr)
    ]
    if procutil.isatty(stdout):
        stdout = procutil.make_line_buffered(stdout)
    procutil.stdin, procutil.stdout, procutil.stderr = stdin, stdout, stderr


def _commands():
    commands = _loaded('mercurial.commands')
    dispatch = _loaded('mercurial.dispatch')
    encoding = _loaded('mercurial.encoding')
    if commands is None or 'globalopts' not in commands.__dict__:
        return
    defaults = {b'encoding': encoding.encoding, b'encodingmode': encoding.encodingmode}
    for i, option in enumerate(commands.globalopts):
        if option[1] in defaults:
            commands.globalopts[i] = option[:2] + (defaults[option[1]],) + option[3:]
    if not config['count']['mercurial.dispatch.lazyaliasentry']:
        return
    # Aliases of the frozen process's configuration; each knows the table as it was before.
    lazy = dispatch.lazyaliasentry
    for key, entry in list(commands.table.items()):
        if isinstance(entry, lazy):
            while isinstance(entry, lazy):
                entry = entry.cmdtable.get(key)
            if entry is None:
                del commands.table[key]
            else:
                commands.table[key] = entry


def _extensions():
    extensions = _loaded('mercurial.extensions')
    if extensions is None or not extensions.__dict__.get('_extensions'):
        return
    # An extension's changes stay once it is loaded: it must be switched on here, too.
    from mercurial import ui

    on = {name.rpartition(b'.')[2] for name, path in ui.ui.load().configitems(b'extensions') if not path.startswith(b'!')}
    for name in extensions._extensions:
        if name.rpartition(b'.')[2] not in on:
            return 'extension %s was loaded' % os.fsdecode(name)
