# Recipe for Mercurial: repairs what hg captures when its modules are imported or when a
# command ran in the frozen process. Chosen by itself when mercurial.dispatch is loaded.
#
# DETECT names the module; RESET_SIGNALS the signals whose handlers belong to a command, not to the program.
# ENV and COUNT name variables and types: config['env'] and config['count'] have their values and how many
# objects there were at the freeze.
# PROGRAMS, KEY, WARM and WARM_ENV are for `pyfreeze install`: names of commands, variables that choose among the images
# (NAME* for all that begin so), command lines to warm up with in an empty directory, changes of the environment for them.
# GUARDS names variables whose values must be those of the freeze: another one, and the plain command runs.
# FIXES names the places that thaw() repairs, or falls back over; `pyfreeze info --captured` then leaves them out.
# warm() runs a command in a process that runs several before the freeze (`pyfreeze freeze --warm`).
# thaw() runs in every thawed process, before the program. What it returns, if anything, is the
# reason why the plain command must run instead.

DETECT = 'mercurial.dispatch'
PROGRAMS = ('hg',)
GUARDS = ('HGMODULEPOLICY', 'HGEMITWARNINGS', 'HGDEMANDIMPORT')
KEY = ('HGMODULEPOLICY', 'HGEMITWARNINGS', 'HGDEMANDIMPORT', 'LANGUAGE', 'LC_ALL', 'LC_CTYPE', 'LC_MESSAGES', 'LANG', 'LD_AUDIT', 'LD_LIBRARY_PATH',
       'LD_PRELOAD', 'PYTHON*')
WARM = (
    'version -q',
    'init r',
    '-R r commit -u pyfreeze -m first --config ui.allowemptycommit=1',
    '-R r tag -u pyfreeze first',
    '-R r status -A',
    '-R r log -p -l 1',
    '-R r id',
    '-R r diff -c tip',
    '-R r summary',
    '-R r bookmark b',
    '-R r branches',
    'clone -q r c',
    '-R c tag -u pyfreeze second',
    '-R c outgoing -q r',
    '-R r tag -u pyfreeze third',
    '-R r pull -q c',
    '-R r merge -q --tool :union -r 3',
    '-R r commit -u pyfreeze -m merged',
    '-R r push -q c',
    '-R r annotate r/.hgtags',
    '-R r cat r/.hgtags',
    '-R r revert -q --all -r 0',
    '-R r update -q -C tip',
    '-R r files',
    '-R r paths',
    '-R r help status',
)
WARM_ENV = ('HGRCPATH=/dev/null', 'HGPLAIN=', 'HGUSER=')
RESET_SIGNALS = ('SIGHUP', 'SIGTERM', 'SIGBREAK', 'SIGUSR1')
ENV = ('LANGUAGE', 'LC_ALL', 'LC_MESSAGES', 'LANG')
COUNT = ('mercurial.dispatch.lazyaliasentry')
FIXES = (
    'mercurial.policy.policy',
    'mercurial.pycompat.sysargv',
    'mercurial.pycompat.sysexecutable',
    'mercurial.encoding.encoding',
    'mercurial.encoding.encodingmode',
    'mercurial.commands.globalopts[*][2]',
    'mercurial.commands.table[*].source',  # of lazyaliasentry
    'mercurial.commands.table[*].ui',
    'mercurial.i18n._languages',
    'mercurial.lock.lock._host',
    'mercurial.utils.procutil.stdin',
    'mercurial.utils.procutil.stdout',
    'mercurial.utils.procutil.stderr',
)

import os
import sys


def warm(args):
    sys.modules['mercurial.pycompat'].sysargv = [os.fsencode(a) for a in sys.argv]
    sys.modules['mercurial.dispatch'].run()


def thaw():
    # One function, few names: each costs at every start.
    modules = sys.modules
    environ = os.environb
    m = modules['mercurial.pycompat']
    m.sysargv = [os.fsencode(a) for a in sys.argv]
    if sys.executable:
        m.sysexecutable = os.fsencode(sys.executable)

    encoding = modules['mercurial.encoding']
    name = environ.get(b'HGENCODING')
    if not name:
        name = encoding.locale.getpreferredencoding().encode('ascii') or b'ascii'
        name = encoding._encodingrewrites.get(name, name)
    mode = environ.get(b'HGENCODINGMODE', b'strict')
    encoding._wide = 'WFA' if environ.get(b'HGENCODINGAMBIGUOUS') == b'wide' else 'WF'
    commands = modules.get('mercurial.commands')
    if (name, mode) != (encoding.encoding, encoding.encodingmode):
        encoding.encoding = name
        encoding.encodingmode = mode
        _options(commands, {b'encoding': name, b'encodingmode': mode})

    for key, value in config['env'].items():
        if os.environ.get(key) != value and _translated(modules.get('mercurial.i18n')):
            return 'another language'
    m = modules.get('mercurial.i18n')
    if m is not None and getattr(m.t, '_catalog', None) and m._plain():
        return 'messages in plain English'  # chosen when each module is imported
    m = modules.get('mercurial.lock')
    if m is not None:
        m.lock._host = None  # the host, and its namespace of process ids, with which locks are made

    mask = os.umask(0)
    os.umask(mask)
    modules['mercurial.posix'].umask = mask
    m = modules['mercurial.util']
    m.umask = mask

    # As procutil does when it is imported.
    m = modules['mercurial.utils.procutil']
    m.stdin = m.BadFile() if sys.stdin is None else sys.stdin.buffer
    m.stdout = m.BadFile() if sys.stdout is None else m._make_write_all(sys.stdout.buffer)
    m.stderr = m.BadFile() if sys.stderr is None else m._make_write_all(sys.stderr.buffer)
    if m.isatty(m.stdout):
        m.stdout = m.make_line_buffered(m.stdout)

    if config['count']['mercurial.dispatch.lazyaliasentry']:
        _aliases(commands.table, modules['mercurial.dispatch'].lazyaliasentry)
    m = modules['mercurial.extensions']
    if m._extensions:
        return _extensions(m)


def _options(commands, defaults):
    # Captured as the defaults of --encoding and --encodingmode.
    if commands is not None:
        for i, option in enumerate(commands.globalopts):
            if option[1] in defaults:
                commands.globalopts[i] = option[:2] + (defaults[option[1]],) + option[3:]


def _translated(i18n):
    # Many messages are translated when a module is imported: only the same catalogue will do.
    if i18n is None:
        return False
    now = i18n.gettextmod.translation('hg', i18n.localedir, i18n._languages, fallback=True)
    return type(now) is not type(i18n.t) or getattr(now, '_catalog', None) is not getattr(i18n.t, '_catalog', None)


def _aliases(table, lazy):
    # Of the frozen process's configuration; each knows the table as it was before.
    for key, entry in list(table.items()):
        if isinstance(entry, lazy):
            while isinstance(entry, lazy):
                entry = entry.cmdtable.get(key)
            if entry is None:
                del table[key]
            else:
                table[key] = entry


def _extensions(extensions):
    # An extension's changes stay once it is loaded: it must be switched on here, too.
    from mercurial import ui

    on = {name.rpartition(b'.')[2] for name, path in ui.ui.load().configitems(b'extensions') if not path.startswith(b'!')}
    for name in extensions._extensions:
        if name.rpartition(b'.')[2] not in on:
            return 'extension %s was loaded' % os.fsdecode(name)
