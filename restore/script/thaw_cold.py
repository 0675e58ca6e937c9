# The rarely needed part of the thaw script; see thaw.py, whose namespace it shares.

builtins = needed('builtins')


def drop_handlers(main):
    # atexit handlers that the frozen run of the script has registered: the next one registers its own. Those of modules stay.
    class Of:
        def __eq__(self, f):
            f = getattr(f, '__func__', getattr(f, 'func', f))
            return getattr(f, '__globals__', None) is main.__dict__

    sys.modules['atexit'].unregister(Of())


def absolute(path):
    try:
        return os.path.join(os.getcwdb(), path)
    except OSError:
        return None  # the working directory is gone


def new_stream(fd, old):
    # Standard streams that are not the usual three layers: replaced, or missing when the process was frozen.
    kept.append(old)
    raw = io.FileIO.__new__(io.FileIO)
    if fd != 0 and not config['buffered_stdio']:
        buffer = raw
    else:
        kind = io.BufferedWriter if fd != 0 else io.BufferedReader
        buffer = kind.__new__(kind)
    return io.TextIOWrapper.__new__(io.TextIOWrapper), buffer, raw


def no_stream(fd):
    global fallback
    fallback = 'descriptor %d is a directory' % fd  # with which no interpreter starts


def coerce(ctype):
    # _Py_CoerceLegacyLocale() of Python/pylifecycle.c (PEP 538).
    if os.environ.get('LC_ALL') or os.environ.get('PYTHONCOERCECLOCALE') == '0':
        return ctype
    for name in COERCION_TARGETS[2:]:
        try:
            _locale.setlocale(_locale.LC_CTYPE, name)
        except _locale.Error:
            continue
        os.environ['LC_CTYPE'] = name
        return name
    return ctype


def other_encoding():
    # The file system encoding is fixed at the start of an interpreter: it must be the locale's here, too.
    _codecs = needed('_codecs')

    locale = _codecs.lookup('utf-8' if sys.flags.utf8_mode else _locale.nl_langinfo(_locale.CODESET)).name
    return locale if locale == _codecs.lookup(sys.getfilesystemencoding()).name else None


def io_encoding(encoding, errors):
    value = os.environ.get('PYTHONIOENCODING')
    if not value or sys.flags.ignore_environment:
        return encoding, errors
    _codecs = needed('_codecs')

    name, _, how = value.partition(':')
    return _codecs.lookup(name or encoding).name, how or ('strict' if name else errors)


def path0(value):
    if not config['safe_path']:
        set_path0(value)


def command(argv, d):
    if argv and argv[0] == '-m' and len(argv) > 1:
        sys.argv[:] = ['-m'] + argv[2:]
        path0(os.getcwd())
        import runpy

        return runpy._run_module_as_main, (argv[1], True)
    if argv and argv[0] == '-c' and len(argv) > 1:
        d['__loader__'] = sys.modules['_frozen_importlib'].BuiltinImporter
        sys.argv[:] = ['-c'] + argv[2:]
        path0('')
        return compiled(argv[1] + '\n', '<string>', d)
    return script(argv, d)


def script(argv, d):
    global fallback
    name = argv[0] if argv else ''
    if not os.path.isfile(name):  # a directory, an archive, nothing: the interpreter knows what to do or say
        fallback = 'not a script: ' + name
        return None, None
    sys.argv[:] = argv
    path0(os.path.dirname(os.path.realpath(name)))
    # As _Py_abspath().
    d['__file__'] = os.path.join(os.getcwd(), name) if config['version'] >= (3, 9) else name
    if config['version'] < (3, 15):
        d['__cached__'] = None
    d['__loader__'] = sys.modules['_frozen_importlib_external'].SourceFileLoader('__main__', d['__file__'])
    with io.open_code(name) as f:
        source = f.read()
    if b'\0' in source:
        fallback = 'a null byte in ' + name
        return None, None
    return compiled(source, d['__file__'], d)


def compiled(source, name, d):
    global raised
    try:
        code = compile(source, name, 'exec', dont_inherit=True)
        if name == '<string>':
            remember(code, source)
        return code, d
    except (SyntaxError, ValueError) as e:
        raised = e.with_traceback(None)
        return compile('', name, 'exec', dont_inherit=True), d


def remember(code, source):
    # Tracebacks show lines of a command since 3.13; a frozen one has left its own.
    lines = sys.modules.get('linecache')
    put = getattr(lines, '_register_code', None)
    if put:
        put(code if hasattr(lines, '_interactive_cache') else '<string>', source, '<string>')


def pythonpath(old, new):
    # sys.path gets the new directories in place of the old ones, unless that could have changed what was imported.
    if sys.flags.ignore_environment or (old or None) == (new or None):
        return None
    if frozen_midway():  # what it could not import is not known
        return 'PYTHONPATH has changed'
    old, new = ([os.fsdecode(d) for d in v.split(b':')] if v else [] for v in (old, new))
    if any(not os.path.isabs(d) for d in old + new):
        return 'PYTHONPATH has changed, and is relative'
    old, new = (list(dict.fromkeys(map(os.path.normpath, v))) for v in (old, new))
    if [d for d in old if d in new] != [d for d in new if d in old]:
        return 'the order of PYTHONPATH has changed'
    modules = dict(sys.modules)
    for d in old:
        if d not in new:
            for m in modules.values():
                if (getattr(m, '__file__', None) or '').startswith(d + '/'):
                    return 'PYTHONPATH has changed, and had ' + m.__name__
    shadows = shadowed([d for d in new if d not in old])
    if shadows:
        return 'PYTHONPATH has changed, and has ' + shadows
    at = 0
    while at < len(sys.path) and sys.path[at] not in old and sys.path[at] != config['path0']:
        at += 1
    if at == len(sys.path):
        at = 0
    elif sys.path[at] == config['path0'] and not config['safe_path']:
        at += 1
    rest = [d for d in sys.path[at:] if d not in old]
    sys.path[at:] = new + [d for d in rest if d not in new]


def frozen_midway():
    # A command that goes on at its point: what it has read until then must be the same.
    return config['resume'] and not config['attached']


def shadowed(directories):
    # A module of the image that is in one of these directories, too; None where there is none.
    tops = {name.partition('.')[0] for name in sys.modules}
    tops.update(('sitecustomize', 'usercustomize'))
    for d in directories:
        try:
            names = os.listdir(d)
        except OSError:
            continue
        both = tops.intersection(n.partition('.')[0] for n in names)
        if both:
            return min(both)
    return None


def local_modules(directory):
    # In another directory a project's own modules are others. Those stay that the interpreter would find here, too: beside the script, on
    # PYTHONPATH, in a virtual environment.
    try:
        if os.getcwd() == directory:
            return
    except OSError:
        pass
    known = [sys.prefix, sys.base_prefix] + os.environ.get('PYTHONPATH', '').split(':')
    known.append(config.get('here'))  # sys.path[0] of this run

    def foreign(path):
        path += '/'
        return path.startswith(directory + '/') and not any(k and path.startswith(k + '/') for k in known)

    sys.path[:] = [d for d in sys.path if not foreign(d)]
    for name, module in list(sys.modules.items()):
        file = getattr(module, '__file__', None)
        if type(file) is str and name != '__main__' and foreign(file):
            del sys.modules[name]


def tell_fork():
    if '_ssl' in sys.modules:
        sys.modules['_ssl'].RAND_add(os.urandom(32), 0.0)  # seeds its generators anew
    names = getattr(sys.modules.get('tempfile'), '_name_sequence', None)
    if names is not None:
        names._rng_pid = None


def renew_random():
    # random registers this for the child of a fork. Handlers of a fork do not run where the
    # threads stay.
    seed = getattr(getattr(sys.modules.get('random'), '_inst', None), 'seed', None)
    if seed is not None:
        seed()


def keep_seed():
    # random seeds its own generator anew in the child of a fork; the program had seeded it.
    own = sys.modules['random']._inst
    own.setstate((own.VERSION, tuple(config['seeded']), None))


def put(changes):
    # os.putenv, which os.environ does not show.
    for key, value in changes:
        if value is None:
            posix.unsetenv(key)
        else:
            posix.putenv(key, value)


def environs(fresh):
    # Copies of the environment, of which all else is as it was: what tells where a shell is.
    changed = dict(config['changes'])
    for o in list(objects.values())[:config['environs']]:
        for key in (b'_', b'SHLVL', b'PWD', b'OLDPWD', b'PYFREEZE_LOG'):
            name = key if type(next(iter(o))) is bytes else os.fsdecode(key)
            was, now = config['shell'].get(key), fresh.get(key)
            if type(name) is not bytes:
                was, now = (None if v is None else os.fsdecode(v) for v in (was, now))
            if key not in changed and o.get(name) == was:
                if now is not None:
                    o[name] = now
                else:
                    o.pop(name, None)
    if not config['generators']:
        objects.clear()  # held by a handler of ours they would outlive the program's own end


def seed_generators():
    # Those that the frozen process had from the system: no two runs have the same.
    Random = sys.modules['random'].Random
    for o in list(objects.values())[config['environs']:]:
        if isinstance(o, Random):
            Random.seed(o)
        else:
            type(o).seed(o)
    objects.clear()


def original_dir():
    # As multiprocessing.process does when it is imported: the key is of one run.
    try:
        path = os.path.abspath(os.getcwd())
    except OSError:
        path = None
    module = sys.modules['multiprocessing.process']
    module.ORIGINAL_DIR = path
    if config['resume'] and not config['attached'] and '_config' in getattr(module._current_process, '__dict__', ()):
        module._current_process._config['authkey'] = module.AuthenticationString(os.urandom(32))


def user_site(old_home):
    global fallback
    site = sys.modules.get('site')
    if site is None or site.USER_BASE is None:
        return
    old = site.USER_SITE
    site.USER_BASE = site.USER_SITE = None
    new = site.getusersitepackages()
    known = getattr(sys.modules.get('sysconfig'), '_CONFIG_VARS', None)
    if known and 'userbase' in known:
        known['userbase'] = site.getuserbase()
    if not getattr(site, 'ENABLE_USER_SITE', None):
        return
    if old == new:
        return
    there = os.path.isdir(new)
    shadows = shadowed([new]) if there else None
    if shadows or frozen_midway() and (there or old in sys.path):
        fallback = "the user's own packages are others" + (shadows and ': ' + shadows or '')
        return
    # site.main() adds them before those of the system.
    at = [sys.path.index(d) for d in [old] + site.getsitepackages() if d in sys.path]
    at = min(at) if at else len(sys.path)
    if old in sys.path:
        sys.path.remove(old)
    if there and new not in sys.path:
        n = len(sys.path)
        site.addsitedir(new)
        added = sys.path[n:]
        del sys.path[n:]
        sys.path[at:at] = added


def report(exc):
    try:
        sys.excepthook(type(exc), exc, exc.__traceback__)
    except BaseException as e:
        try:
            sys.stderr.write('Error in sys.excepthook:\n')
            e.__traceback__ = e.__traceback__ and e.__traceback__.tb_next  # it is what is shown
            sys.__excepthook__(type(e), e, e.__traceback__)
            sys.stderr.write('\nOriginal exception was:\n')
            sys.__excepthook__(type(exc), exc, exc.__traceback__)
        except BaseException:
            pass


def unraisable(exc, obj):
    try:
        sys.stderr.write('Exception ignored in: %r\n%s: %s\n' % (obj, type(exc).__name__, exc))
    except BaseException:
        pass


def status(exc):
    # handle_system_exit() of Python/pythonrun.c
    if exc is None:
        return 0
    if isinstance(exc, SystemExit):
        code = exc.code
        if code is None:
            return 0
        if isinstance(code, int):
            return code & 0xff if -(1 << 63) <= code < (1 << 63) else 255
        flush_stdout()
        try:
            print(code, file=sys.stderr)
        except BaseException:
            pass
        return 1
    if isinstance(exc, KeyboardInterrupt):
        flush_stdout()
        report(exc)
        return -2
    flush_stdout()
    sys.last_type, sys.last_value, sys.last_traceback = type(exc), exc, exc.__traceback__
    report(exc)
    return 1


def flush_stdout():
    try:
        if sys.stdout is not None and not sys.stdout.closed:
            sys.stdout.flush()
    except BaseException:
        pass


def timings():
    import resource
    u = resource.getrusage(resource.RUSAGE_SELF)
    sys.stderr.write('pyfreeze: %7d %7d  cpu in user mode, page faults: the whole command\n'
                     'pyfreeze: %7d          cpu in the kernel\n' % (u.ru_utime * 1e6, u.ru_minflt + u.ru_majflt, u.ru_stime * 1e6))
    sys.stderr.flush()


def copies(copies):
    for copy in copies:
        if copy['module']:
            module = sys.modules[copy['module']]
            old = getattr(module, copy['name'])
            setattr(module, copy['name'], os.getcwdb() if type(old) is bytes else os.getcwd())
            continue
        try:
            found = eval(copy['path'], {'sys': sys})
        except Exception:
            continue
        if copy['environ']:
            if type(found) is dict:
                found.clear()
                found.update(os.environ)
        elif type(found) is list and found is not sys.argv:
            found[:] = sys.argv[copy['from']:]


def arguments(argv):
    # Of a program that goes on: the list that it knows gets this run's words.
    given = argv[2:] if argv[:1] in (['-m'], ['-c']) else argv[1:]
    if given or not config['attached']:  # a process that ran already may be in the midst of its own
        sys.argv[1:] = given
        if config['script'] and sys.argv[:1] == [config['script']]:
            sys.argv[0] = argv[0]  # the path of the script, from where this process is
    if argv[:1] == ['-m']:
        path0(os.getcwd())


def use_learned():
    # What byte code files of other runs' modules unmarshal to is there already. A thaw that imports
    # one finds and reads its files as ever; where the byte code is the same, byte for byte, its
    # code object is taken. Each is used once, so that a second import has one of its own, as ever.
    # Who watches calls sees marshal.loads called.
    f = getattr(sys.modules.get('_frozen_importlib_external'), '_compile_bytecode', None)
    old = getattr(f, '__code__', None)
    if getattr(old, 'co_filename', None) != '<frozen importlib._bootstrap_external>' or sys.flags.verbose:
        return

    def _compile_bytecode(data, name=None, bytecode_path=None, source_path=None):
        known = 'learned'.pop(source_path, None)
        if known is not None and marshal.loads is 'loads':
            data = 'bytes'.__call__(data)
            if data == known[0] and 'sys'.getprofile() is None and not 'watched'.__call__():
                'audit'.__call__('marshal.loads', data)
                return known[1]
        return 'plainly'.__call__(data, name, bytecode_path, source_path)

    tool = getattr(getattr(sys, 'monitoring', None), 'get_tool', None)  # 3.12

    def watched():
        for n in range(6):
            if tool(n):
                return True

    values = {'learned': learned, 'loads': f.__globals__['marshal'].loads, 'bytes': bytes, 'sys': sys,
              'watched': watched if tool else bool,  # bool() is False
              'audit': sys.audit if config['loads_told'] else ''.format,  # or each code object is (3.8)
              'plainly': type(f)(old, f.__globals__, f.__name__, f.__defaults__)}
    code = _compile_bytecode.__code__
    more = {'co_qualname': old.co_qualname} if hasattr(old, 'co_qualname') else {}  # 3.11
    f.__code__ = code.replace(
        co_consts=tuple(values.get(c, c) if type(c) is str else c for c in code.co_consts),
        co_filename=old.co_filename, co_firstlineno=old.co_firstlineno, **more)


def go_on(fd, name):
    # A standard stream of a program that goes on: what it has set itself, and what it has not written yet, stays.
    global fallback
    old = getattr(sys, '__' + name, None)
    try:
        directory = os.fstat(fd).st_mode >> 12 == 4  # S_IFDIR
        closed = False
    except OSError:
        closed, directory = True, False
    if directory:
        return no_stream(fd)
    if closed != (old is None) and frozen_midway():
        # The program may have looked at it, or keep what it is.
        fallback = name[:-2] + (' is closed' if closed else ' was closed')
        return
    if closed:
        kept.append(old)
        if getattr(sys, name[:-2], None) is old:
            setattr(sys, name[:-2], None)
        setattr(sys, '__' + name, None)
        return
    if old is None:
        new = stream(fd, None)
        if getattr(sys, name[:-2], None) is None:
            setattr(sys, name[:-2], new)
        setattr(sys, '__' + name, new)
        return
    try:
        if type(old) is not io.TextIOWrapper or old.closed:
            return
    except ValueError:
        return  # detached: the program has put its own over the buffer
    change = {}
    tty, was = os.isatty(fd), config['ttys'][fd]
    if fd and config['buffered_stdio'] and tty != was:
        always = fd == 2 and config['version'] >= (3, 9)
        if old.line_buffering == (was or always):
            change['line_buffering'] = tty or always
    now = 'backslashreplace' if fd == 2 else errors
    if fd != 2 and now != frozen_errors and old.errors == frozen_errors:
        change['errors'] = now
    if change:
        try:
            old.reconfigure(**change)
        except io.UnsupportedOperation:
            pass  # something was read already


def registered():
    global hooks
    module = sys.modules.get('snapshot_restore_py')
    if module is not None:
        hooks = restored


def restored():
    # What the program has registered to be called after a thaw: as AWS's runtime does, in order.
    # Signals reach it as they do the program.
    registry = []
    try:
        registry = sys.modules['snapshot_restore_py'].get_after_restore()
        for func, args, kwargs in registry:
            func(*args, **kwargs)
    except BaseException as e:
        e.__traceback__ = e.__traceback__ and e.__traceback__.tb_next  # without our own frame
        if isinstance(e, KeyboardInterrupt):
            report(e)
            _signal.signal(2, _signal.SIG_DFL)
            posix.kill(posix.getpid(), 2)
        if flags & 1:
            report(e)
        failed = 'a function that was registered by register_after_restore failed: %s: %s' % (
            type(e).__name__, ' '.join(str(e).split()))
        return failed.encode('utf-8', 'replace').decode()
    if not config['resume']:
        # The program's script registers its own anew.
        own = kept[0] and kept[0].__dict__
        registry[:] = [e for e in registry if getattr(e[0], '__globals__', None) is not own]
    return ''


def inherited():
    # What the frozen program found ignored when it started, or not, is another set here. What it has set itself stays.
    def start(n, mask):
        ign, dfl = _signal.SIG_IGN, _signal.SIG_DFL
        if mask >> (n - 1) & 1 or n in (13, 25):
            return ign
        return _signal.default_int_handler if n == 2 else dfl

    for n in SIGNALS:
        handler = _signal.getsignal(n)
        want = start(n, ignored)
        if handler == start(n, config['ignored']) and handler != want:
            _signal.signal(n, want)
