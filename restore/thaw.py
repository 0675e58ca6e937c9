# The thaw script. It runs once in every thawed process, right after PyOS_AfterFork_Child:
# refreshes what the interpreter keeps of the outside world, keeping object identities, and
# leaves in its namespace what the loader stub runs next: the code object run in the namespace run_args, or
# run(*run_args); then finish(). A variable
# 'fallback', if set, makes the stub start the plain command instead.
#
# Given by the stub: strings (argv and environment as the kernel laid them out), argc,
# ignored (mask of signals ignored since the start), flags, config (made at the freeze), recipe_code.
# Only modules that every interpreter has loaded, or builtin ones, are imported here: this
# is paid at every start. It must work from 3.8 on.

import builtins
import gc
import io
import os
import posix
import sys
import _codecs
import _locale
import _signal

gc.freeze()  # the image's objects are old and few of them die: keep the collector off their pages

raised = None
_kept = []
_bootstrap = sys.modules['_frozen_importlib']
_external = sys.modules['_frozen_importlib_external']
_old_main = sys.modules.get('__main__')


def _environment(items):
    environ = getattr(os.environ, '_data', None)
    fresh = {}
    for item in items:
        key, eq, value = item.partition(b'=')
        if eq and key and key not in fresh:
            fresh[key] = value
    # os.environ and os.environb share posix.environ; the C library's own environment is already fresh.
    for d in (environ, posix.environ):
        if d is not None and d != fresh:
            d.clear()
            d.update(fresh)


def _fsdecode(b):
    return os.fsdecode(b)


# ---- standard streams

def _stdio_errors():
    # get_stdio_errors() of Python/initconfig.c
    if sys.flags.utf8_mode:
        return 'surrogateescape'
    name = _locale.setlocale(_locale.LC_CTYPE)
    if name in ('C', 'POSIX', 'C.UTF-8', 'C.utf8', 'UTF-8'):
        return 'surrogateescape'
    return 'strict'


def _stdio_encoding():
    encoding, errors = None, None
    value = os.environ.get('PYTHONIOENCODING') if not sys.flags.ignore_environment else None
    if value:
        encoding, _, errors = value.partition(':')
    if not encoding:
        encoding = 'utf-8' if sys.flags.utf8_mode else _locale.nl_langinfo(_locale.CODESET)
    if not errors:
        errors = _stdio_errors() if not (value and encoding and value.partition(':')[0]) else 'strict'
    return _codecs.lookup(encoding).name, errors


def _valid(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def _stream(fd, old, name, encoding, errors):
    # create_stdio() of Python/pylifecycle.c, on the objects that are there already: loggers,
    # handlers and the program itself hold references to them.
    if not _valid(fd):
        _kept.append(old)  # its end would flush what the frozen process had not written yet
        return None
    writing = fd != 0
    mode = 'wb' if writing else 'rb'
    unbuffered = writing and not config['buffered_stdio']
    raw_type = io.FileIO
    buffer_type = io.BufferedWriter if writing else io.BufferedReader
    text = raw = buffer = None
    if type(old) is io.TextIOWrapper:
        try:
            buffer = old.buffer
            raw = buffer if unbuffered else buffer.raw
        except (ValueError, AttributeError):
            buffer = raw = None
        if type(raw) is raw_type and (unbuffered or type(buffer) is buffer_type):
            text = old
    if text is None:
        raw = raw_type.__new__(raw_type)
        buffer = raw if unbuffered else buffer_type.__new__(buffer_type)
        text = io.TextIOWrapper.__new__(io.TextIOWrapper)
    elif not raw.closed:
        # A second __init__ would close the descriptor if the object owns it.
        _forget(raw)
    raw.__init__(fd, mode, closefd=False)
    raw.name = name
    tty = raw.isatty()
    if not unbuffered:
        size = getattr(raw, '_blksize', 0)
        buffer.__init__(raw, size if size > 1 else io.DEFAULT_BUFFER_SIZE)
    line_buffering = tty and not unbuffered if config['version'] < (3, 9) else (tty or fd == 2) and not unbuffered
    write_through = unbuffered
    text.__init__(buffer, encoding=encoding, errors='backslashreplace' if fd == 2 else errors,
                  newline='\n' if writing else None, line_buffering=line_buffering, write_through=write_through)
    try:
        text.mode = 'w' if writing else 'r'
    except AttributeError:
        pass
    return text


def _forget(raw):
    # The frozen FileIO objects of the standard descriptors never own them (closefd=False),
    # unless a program opened its own.
    try:
        if raw.closefd:
            raw.__init__(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC), 'rb', closefd=True)
    except (OSError, ValueError):
        pass


def _streams():
    encoding, errors = _stdio_encoding()
    for fd, name in ((0, 'stdin'), (1, 'stdout'), (2, 'stderr')):
        old = getattr(sys, '__%s__' % name, None)
        new = _stream(fd, old, '<%s>' % name, encoding, errors)
        current = getattr(sys, name, None)
        if current is not new and type(current) is io.TextIOWrapper:
            # The program's own wrapper over the same buffer: dropping it would close that.
            current.__init__(io.BytesIO())
        setattr(sys, '__%s__' % name, new)
        setattr(sys, name, new)


# ---- signals

def _of_old_main(handler):
    # Set by the frozen run of the program: the new run sets its own.
    f = getattr(handler, '__func__', handler)
    return _old_main is not None and getattr(f, '__globals__', None) is _old_main.__dict__


def _signals():
    dfl, ign = _signal.SIG_DFL, _signal.SIG_IGN
    _signal.set_wakeup_fd(-1)
    for n in range(1, _signal.NSIG):
        if n in (9, 19, 32, 33):
            continue
        try:
            handler = _signal.getsignal(n)
        except ValueError:
            continue
        inherited = ign if ignored >> (n - 1) & 1 else dfl
        if n == _signal.SIGINT and handler in (dfl, ign, _signal.default_int_handler):
            # As signal's own start does: a handler only where the signal is not ignored.
            want = _signal.default_int_handler if inherited == dfl and not config['no_sigint'] else inherited
        elif n in (_signal.SIGPIPE, getattr(_signal, 'SIGXFSZ', 0)) and handler == ign:
            want = ign
        elif handler in (dfl, ign) or n in config['fresh_signals'] or _of_old_main(handler):
            want = inherited
        elif handler is None:
            continue  # installed by C code: not Python's to restore
        else:
            want = handler
        if want is not handler or want is not inherited:
            try:
                _signal.signal(n, want)
            except (OSError, ValueError):
                pass


# ---- what the command line asks for

def _main_module():
    # A module of its own: functions that the frozen program left behind keep their globals.
    module = type(sys)('__main__')
    module.__dict__.update(__package__=None, __loader__=None, __spec__=None, __annotations__={}, __builtins__=builtins)
    sys.modules['__main__'] = module
    return module.__dict__


def _path0(value):
    # sys.path[0] of the frozen command is replaced; anything the program put before it stays.
    old = config['path0']
    if config['safe_path']:
        return
    if old is not None and sys.path and old in sys.path[:8]:
        sys.path[sys.path.index(old)] = value
    else:
        sys.path.insert(0, value)


def _script(name, args):
    global fallback
    if not os.path.isfile(name):  # a directory, an archive, nothing: the interpreter knows what to do or say
        fallback = 'not a script: ' + name
        return None, None
    d = _main_module()
    sys.argv[:] = [name] + args
    _path0(os.path.dirname(os.path.realpath(name)))
    d['__file__'] = os.path.abspath(name) if config['version'] >= (3, 9) else name
    d['__cached__'] = None
    d['__loader__'] = _external.SourceFileLoader('__main__', d['__file__'])
    code = config['script_code'] if _same_script(name) else None
    if code is not None:
        return code, d
    with io.open_code(name) as f:
        source = f.read()
    if b'\0' in source:
        fallback = 'a null byte in ' + name
        return None, None
    return _compiled(source, d['__file__'], d)


def _compiled(source, name, d):
    global raised
    try:
        return compile(source, name, 'exec', dont_inherit=True), d
    except (SyntaxError, ValueError) as e:
        raised = e.with_traceback(None)
        return compile('', name, 'exec', dont_inherit=True), d


def _same_script(name):
    want = config['script_stat']
    if not want:
        return False
    try:
        st = os.stat(name)
    except OSError:
        return False
    return want == (os.path.abspath(name), st.st_size, st.st_mtime_ns)


def _module(name, args):
    _main_module()
    sys.argv[:] = ['-m'] + args
    _path0(os.getcwd())
    import runpy
    return runpy._run_module_as_main, (name, True)


def _string(source, args):
    d = _main_module()
    d['__loader__'] = _bootstrap.BuiltinImporter
    sys.argv[:] = ['-c'] + args
    _path0('')
    return _compiled(source + '\n', '<string>', d)


def _command(argv):
    n = config['interpreter_args']
    if hasattr(sys, 'orig_argv'):
        sys.orig_argv[:] = argv
    rest = argv[n:]
    if rest and rest[0] == '-m' and len(rest) > 1:
        return _module(rest[1], rest[2:])
    if rest and rest[0] == '-c' and len(rest) > 1:
        return _string(rest[1], rest[2:])
    return _script(rest[0], rest[1:])


# ---- the end, as Py_RunMain and Py_FinalizeEx have it, without tearing the heap down

def _report(exc):
    try:
        sys.excepthook(type(exc), exc, exc.__traceback__)
    except BaseException as e:
        try:
            sys.stderr.write('Error in sys.excepthook:\n')
            sys.__excepthook__(type(e), e, e.__traceback__.tb_next if e.__traceback__ else None)
            sys.stderr.write('\nOriginal exception was:\n')
            sys.__excepthook__(type(exc), exc, exc.__traceback__)
        except BaseException:
            pass


def _flush(name):
    f = getattr(sys, name, None)
    if f is None or f is getattr(sys, '__void__', 0):
        return 0
    try:
        if f.closed:
            return 0
    except Exception:
        pass
    try:
        f.flush()
    except BaseException as e:
        if name == 'stdout':
            _unraisable(e, f)
        return -1
    return 0


def _unraisable(exc, obj):
    try:
        sys.stderr.write('Exception ignored in: %r\n%s: %s\n' % (obj, type(exc).__name__, exc))
    except BaseException:
        pass


def _status(exc):
    # handle_system_exit() of Python/pythonrun.c
    if exc is None:
        return 0
    if isinstance(exc, SystemExit):
        code = exc.code
        if code is None:
            return 0
        if isinstance(code, int):
            return code & 0xff if -(1 << 63) <= code < (1 << 63) else 255
        _flush('stdout')
        try:
            print(code, file=sys.stderr)
        except BaseException:
            pass
        return 1
    if isinstance(exc, KeyboardInterrupt):
        _flush('stdout')
        _report(exc)
        return -2
    _flush('stdout')
    sys.last_type, sys.last_value, sys.last_traceback = type(exc), exc, exc.__traceback__
    _report(exc)
    return 1


def finish():
    status = 1
    try:
        status = _status(raised)
        try:
            threading = sys.modules.get('threading')
            if threading is not None:
                threading._shutdown()
        except BaseException as e:
            _unraisable(e, threading)
        import atexit
        atexit._run_exitfuncs()
    except BaseException as e:
        if not isinstance(e, SystemExit):
            _report(e)
    try:
        if min(_flush('stdout'), _flush('stderr')) < 0 and status >= 0:
            status = 120  # as Py_FinalizeEx() failing
        main = sys.modules.get('__main__')
        if main is not None:
            d = main.__dict__
            for private in (True, False):  # the order of _PyModule_ClearDict
                for k in [k for k in d if isinstance(k, str) and k.startswith('_') == private and k != '__builtins__']:
                    d[k] = None
        for o in gc.get_objects():  # gc.freeze() left those of the image out
            if isinstance(o, (io.BufferedWriter, io.BufferedRandom, io.TextIOWrapper)) and not o.closed:
                try:
                    o.flush()
                except BaseException:
                    pass
    except BaseException:
        pass
    if flags & 2:
        _timings()
    if status == -2:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
        os.kill(os.getpid(), _signal.SIGINT)
        status = 130
    os._exit(status)


def _timings():
    import resource
    u = resource.getrusage(resource.RUSAGE_SELF)
    sys.stderr.write('pyfreeze: %7d %7d  cpu in user mode, page faults: the whole command\n'
                     'pyfreeze: %7d          cpu in the kernel\n' % (u.ru_utime * 1e6, u.ru_minflt + u.ru_majflt, u.ru_stime * 1e6))
    sys.stderr.flush()


def _imports():
    # Locks of imports that other threads were in, directory listings of another time.
    _bootstrap._module_locks.clear()
    _bootstrap._blocking_on.clear()
    sys.path_importer_cache.pop('', None)
    for finder in list(sys.path_importer_cache.values()):
        if finder is not None and hasattr(finder, '_path_mtime'):
            finder._path_mtime = -1


def _user_site(old_home):
    site = sys.modules.get('site')
    if site is None or not getattr(site, 'ENABLE_USER_SITE', None) or os.environ.get('HOME') == old_home:
        return
    old = site.USER_SITE
    site.USER_BASE = site.USER_SITE = None
    new = site.getusersitepackages()
    if old in sys.path and old != new:
        sys.path.remove(old)
    if os.path.isdir(new) and new not in sys.path:
        site.addsitedir(new)


def _plain_name(encoding):
    name = encoding.lower().replace('-', '').replace('_', '')
    return {'ansix3.41968': 'ascii', 'usascii': 'ascii'}.get(name, name)


def _coerce():
    # _Py_CoerceLegacyLocale() of Python/pylifecycle.c (PEP 538); the stub did setlocale(LC_CTYPE, "").
    global fallback
    if _locale.setlocale(_locale.LC_CTYPE) not in ('C', 'POSIX'):
        return
    if not sys.flags.utf8_mode:
        fallback = 'the C locale'  # where Python starts in UTF-8 mode
        return
    if os.environ.get('LC_ALL') or os.environ.get('PYTHONCOERCECLOCALE') == '0':
        return
    for name in ('C.UTF-8', 'C.utf8', 'UTF-8'):
        try:
            _locale.setlocale(_locale.LC_CTYPE, name)
        except _locale.Error:
            continue
        os.environ['LC_CTYPE'] = name
        return


def _start():
    global run, run_args, fallback
    all_ = strings.split(b'\0')
    _environment(all_[argc:])
    _coerce()
    if 'fallback' in globals():
        return
    argv = [_fsdecode(a) for a in all_[:argc]]
    if not sys.flags.utf8_mode and _plain_name(_locale.nl_langinfo(_locale.CODESET)) != _plain_name(sys.getfilesystemencoding()):
        fallback = 'another character set'
        return
    _signals()
    _streams()
    _imports()
    if 'time' in sys.modules and hasattr(sys.modules['time'], 'tzset'):
        sys.modules['time'].tzset()
    _user_site(config['home'])
    for name in ('tempfile',):
        m = sys.modules.get(name)
        if m is not None and os.environ.get('TMPDIR') != config['tmpdir']:
            m.tempdir = None
    run, run_args = _command(argv)
    if recipe_code is not None:
        d = {'__name__': 'pyfreeze.recipe', '__builtins__': builtins, 'config': config}
        exec(recipe_code, d)
        thaw = d.get('thaw')
        if thaw is not None:
            reason = thaw()
            if reason:
                fallback = reason


_start()
