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
# SETS, SET_ENV and SET_FILES tell a launcher by what to guess which extensions are on; prepare()
# loads them after the warm-up, as a command in the user's directory would, and returns why it has
# not. docs/recipes.md. thaw() runs in every thawed process, before the program. What it returns, if
# anything, is the reason why the plain command must run instead; (True, reason) where another image
# may do.

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
SETS = ('.hg/hgrc', 'extensions', '--config', '-R', '--repository', '--repo', '--cwd')
SET_ENV = ('HGRCPATH', 'HGRCSKIPREPO', 'HOME', 'XDG_CONFIG_HOME')
SET_FILES = ('$HGRCPATH', '~/.hgrc', '~/.config/hg/hgrc', '/etc/mercurial/hgrc', '/etc/mercurial/hgrc.d')
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
    'mercurial.extensions._pyfreeze',  # what the extensions have read: it must be the same
    'mercurial.utils.procutil._hgexecutable',
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
    m._hgexecutable = None if b'HG' in environ else config['launcher']  # what hooks and aliases call
    m.stdin = m.BadFile() if sys.stdin is None else sys.stdin.buffer
    m.stdout = m.BadFile() if sys.stdout is None else m._make_write_all(sys.stdout.buffer)
    m.stderr = m.BadFile() if sys.stderr is None else m._make_write_all(sys.stderr.buffer)
    if m.isatty(m.stdout):
        m.stdout = m.make_line_buffered(m.stdout)

    if config['count']['mercurial.dispatch.lazyaliasentry']:
        _aliases(commands.table, modules['mercurial.dispatch'].lazyaliasentry)
    m = modules['mercurial.extensions']
    if hasattr(m, '_pyfreeze'):
        return _same(m)
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


def prepare():
    # Extensions change modules and tables once, when they are loaded, and may read the
    # configuration for it: what they read is noted, and must be the same in a thaw. What cannot be
    # noted or done again is a reason to load them in each thaw instead.
    import gc
    import weakref

    sys.modules['mercurial.pycompat'].sysargv = [os.fsencode(a) for a in sys.argv]
    extensions = sys.modules['mercurial.extensions']
    cls = sys.modules['mercurial.ui'].ui
    if extensions._extensions:
        return 'the warm-up has loaded extensions'
    first, local = _local(cls)
    if not any(not path.startswith(b'!') for name, path in local.configitems(b'extensions') if b':' not in name):
        return 'no extensions are on'
    old, kind, known = dict(vars(local)), local.__class__, set(cls.__dict__)
    notes = _Notes(cls)
    notes.begin()
    try:
        extensions.loadall(local)
    finally:
        notes.end()
    if any(m is None for m in extensions._extensions.values()):
        notes.never.append('one cannot be loaded')
    plain = bool, int, bytes, type(None)
    if local.__class__ is not kind or set(cls.__dict__) != known or set(old) != set(vars(local)) or local._loggers or any(
            isinstance(v, plain) and vars(local)[k] != v for k, v in old.items()):
        notes.never.append('one changes the ui')
    local = weakref.ref(local)
    first = old = None
    gc.collect()
    if local() is not None:
        notes.never.append('one keeps the ui, with the configuration of this run')
    if notes.never:
        return 'extensions: ' + notes.never[0]
    extensions._pyfreeze = tuple(notes.reads), tuple(notes.changes)
    for module in list(sys.modules.values()):  # modules that wait to be needed
        if type(module).__name__ == '_LazyModule' and module.__spec__.name.startswith(('hgext', 'hgext3rd.')):
            try:
                module.__doc__
            except Exception:
                pass  # told where it is needed


class _Notes:
    # Wraps what gives a ui, and Python, their knowledge of the outside.
    ASKS = ('configsource', 'configsuboptions', 'hasconfig', 'has_section', 'plain', 'interactive', 'formatted', 'termwidth', 'username',
            'shortuser', 'expandpath', 'geteditor', 'interface', 'canwritewithoutlabels')
    FLAGS = ('verbose', 'quiet', 'debugflag', 'tracebackflag')
    TELLS = ('warn', 'error', 'status', 'write', 'write_err', 'system', 'prompt', 'edit', 'load', 'walkconfig', 'atexit', 'configoverride',
             'exportableenviron', 'traceback')

    def __init__(self, cls):
        self.cls, self.cwd, self.depth = cls, os.getcwdb(), 0
        self.reads, self.changes, self.never, self.undo = [], [], [], []

    def put(self, where, name, value):
        had = name in vars(where)
        self.undo.append((where, name, had, vars(where).get(name)))
        setattr(where, name, value)

    def end(self):
        for where, name, had, value in reversed(self.undo):
            setattr(where, name, value) if had else delattr(where, name)

    def note(self, read, result):
        if not (_simple(read) and _simple(result)):
            self.never.append('one asks for %s' % (read[:2],))
        elif (read, result) not in self.reads:
            self.reads.append((read, result))

    def begin(self):
        import builtins
        import io

        names = [n for n in vars(self.cls) if n.startswith('config') and n not in self.TELLS]
        for name in names + [n for n in self.ASKS if n not in names]:
            if callable(vars(self.cls).get(name)):
                self.put(self.cls, name, self.asking(name, vars(self.cls)[name]))
        for name in self.FLAGS:
            self.put(self.cls, name, property(lambda ui, n=name: self.flag(ui, n), lambda ui, v, n=name: vars(ui).__setitem__(n, v)))
        self.put(self.cls, 'setconfig', self.setting(vars(self.cls)['setconfig']))
        for where, names in ((self.cls, self.TELLS), (os, ('system', 'fork', 'posix_spawn', 'listdir', 'scandir', 'execv', 'chdir'))):
            for name in names:
                if name in vars(where):
                    self.put(where, name, self.telling(name, getattr(where, name)))
        if 'subprocess' in sys.modules:
            self.put(sys.modules['subprocess'].Popen, '__init__', self.telling('subprocess', sys.modules['subprocess'].Popen.__init__))
        for where, name in (builtins, 'open'), (io, 'open'), (os, 'open'), (os, 'stat'), (os, 'lstat'), (os, 'access'), (os, 'readlink'):
            self.put(where, name, self.opening(getattr(where, name)))
        for name in ('getcwd', 'getcwdb'):
            self.put(os, name, self.asking_os(name, getattr(os, name)))
        environ = type(os.environ)
        self.put(environ, '__getitem__', self.looking(environ.__getitem__))
        for name in ('__iter__', 'copy'):
            self.put(environ, name, self.telling('os.environ', vars(environ)[name]))

    def asking(self, name, asked):
        def ask(ui, *args, **kwargs):
            self.depth += 1
            try:
                result = asked(ui, *args, **kwargs)
            finally:
                self.depth -= 1
            if not self.depth:
                self.note(('ui', name, args, tuple(sorted(kwargs.items()))), result)
            return result
        return ask

    def asking_os(self, name, asked):
        def ask():
            result = asked()
            self.note(('os', name), result)
            return result
        return ask

    def flag(self, ui, name):
        value = vars(ui).get(name, False)
        if not self.depth:
            self.note(('flag', name), value)
        return value

    def setting(self, set):
        def setconfig(ui, section, name, value, source=b''):
            if not self.depth:
                self.changes.append((section, name, value, source))
                if not _simple((section, name, value, source)) and getattr(value, '__qualname__', '<').find('<') >= 0:
                    self.never.append('one sets %s' % name)
            self.depth += 1
            try:
                return set(ui, section, name, value, source)
            finally:
                self.depth -= 1
        return setconfig

    def telling(self, name, told):
        def tell(*args, **kwargs):
            if not self.depth:
                self.never.append('one calls %s' % name)
            return told(*args, **kwargs)
        return tell

    def opening(self, opened):
        def open(path, *args, **kwargs):
            if type(path) is not int:
                full = os.path.join(self.cwd, os.fsencode(path))
                self.note(('file', full), _file(full))
            return opened(path, *args, **kwargs)
        return open

    def looking(self, looked):
        def look(environ, key):
            name = os.fsencode(key)
            self.note(('env', name), os.environb._data.get(name))
            return looked(environ, key)
        return look


def _simple(value):
    if isinstance(value, (tuple, list)):
        return all(_simple(v) for v in value)
    if type(value) is dict:
        return all(_simple(k) and _simple(v) for k, v in value.items())
    return value is None or isinstance(value, (bytes, str, int, float, bool))


def _local(cls):
    # The ui that a command has, and the one that it loads its extensions with: as _rundispatch()
    # and _dispatch() of dispatch make them.
    dispatch = sys.modules['mercurial.dispatch']
    first = cls.load()
    ui = first.copy()
    early = dispatch._earlyparseopts(ui, sys.modules['mercurial.pycompat'].sysargv[1:])
    if early[b'traceback']:
        ui.setconfig(b'ui', b'traceback', b'on', b'--traceback')
    dispatch._parseconfig(ui, early[b'config'])
    cwd = early[b'cwd']
    local = dispatch._getlocal(ui, early[b'repository'], wd=cwd and os.path.realpath(cwd) or None)[1]
    flags = b'verbose', b'debug', b'quiet'
    if any(early[f] for f in flags):
        for f in flags:
            local.setconfig(b'ui', f, b'%d' % bool(early[f]), b'--' + f)
    return first, local


def _file(path):
    import posix  # not those that are wrapped
    import stat

    try:
        st = posix.stat(path)
    except (OSError, ValueError):
        return None
    if stat.S_ISDIR(st.st_mode):
        return st.st_mode, st.st_ino  # what lies in it comes and goes
    return st.st_mode, st.st_size, st.st_mtime_ns, st.st_ino


def _other(reason):
    return True, reason


def _same(extensions):
    # The extensions that are loaded must be those that are on here, and have read the same. The
    # command's own ui is the one made for it.
    cls = sys.modules['mercurial.ui'].ui
    reads, changes = extensions._pyfreeze
    warn = cls.warn
    cls.warn = lambda *args, **kwargs: None  # the command itself will
    try:
        first, local = _local(cls)
        for read, result in reads:
            kind, name = read[:2]
            if kind == 'ui':
                now = getattr(local, name)(*read[2], **dict(read[3]))
            elif kind == 'flag':
                now = getattr(local, name)
            elif kind == 'env':
                now = os.environb.get(name)
            elif kind == 'os':
                now = getattr(os, name)()
            else:
                now = _file(name)
            if now != result:
                return _other('the extensions that are loaded have read another %s' % (name,))
        if local._loggers:
            return _other('the loading of extensions is logged')
    except Exception as e:
        return _other('the configuration of extensions cannot be read: %r' % e)
    finally:
        cls.warn = warn
    load, environ = vars(cls)['load'], dict(os.environb)

    def loaded(cls):
        setattr(cls, 'load', load)
        return first if environ == os.environb else cls.load()

    cls.load = classmethod(loaded)
    if changes:
        loadall = extensions.loadall

        def changed(ui, *args, **kwargs):
            extensions.loadall = loadall
            for change in changes:
                ui.setconfig(*change)
            return loadall(ui, *args, **kwargs)

        extensions.loadall = changed
