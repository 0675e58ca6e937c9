# The thaw script. It runs once in every thawed process, right after PyOS_AfterFork_Child: refreshes
# what the interpreter keeps of the outside world, keeping object identities. In a process that goes
# on at its point that is all; else it leaves in its namespace what the loader stub runs next: the
# code object run_code in the namespace run_args, or run(*run_args); then finish(). A variable
# 'fallback', if set, makes the stub start the plain command instead; with 'another' a launcher
# takes another image. 'hooks', if set, is called when it is sure that the thaw goes on: it returns
# why it does not, or ''.
#
# Given by the stub: modules (sys.modules), strings (argv and environment as the kernel laid them
# out), argc, ignored (mask of signals ignored since the start), flags, launcher (its path, where
# one has started this run), config (made at the freeze), learned (the code of modules, by path,
# where there is any), objects (a dict of generators, where there are any), recipe_code (a tuple, of
# code objects or numbers of shipped_recipes), shipped_recipes (a tuple), cold_code (thaw_cold.py,
# marshalled).
#
# This is paid at every start, and each name in it costs: loading it looks each up among the interned strings, which copies the page of
# the one that is there. So what is rarely needed is in thaw_cold.py, unmarshalled on demand into this namespace. Only builtin
# modules, or those that every interpreter has loaded, are taken, without an import. It must work
# from 3.8 on.

known = len(modules)


def needed(name):
    # An import would be seen by hooks of the program: builtins.__import__ replaced, sys.meta_path.
    found = modules.get(name)
    if found is None and modules['_imp'].is_builtin(name) == 1:
        spec = type(modules['sys'].implementation)(name=name, loader=None, origin=None, parent='',
                                                   submodule_search_locations=None)
        found = modules['_imp'].create_builtin(spec)
        modules['_imp'].exec_builtin(found)
    elif found is None:
        found = __import__(name)
    return found


io = needed('io')
os = needed('os')
posix = needed('posix')
sys = needed('sys')
_locale = needed('_locale')
_signal = needed('_signal')

if not config['resume']:
    gc = needed('gc')
    gc.freeze()  # the image's objects are old and few of them die: keep the collector off their pages

STDIO = ((0, 'stdin__'), (1, 'stdout__'), (2, 'stderr__'))
COERCION_TARGETS = ('C', 'POSIX', 'C.UTF-8', 'C.utf8', 'UTF-8')
# SIGKILL and SIGSTOP cannot be set, 32 and 33 are the C library's own.
SIGNALS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 21, 22, 23, 24, 25, 26,
           27, 28, 29, 30, 31, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50,
           51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64)

raised = None
# Functions that the frozen program left behind keep their globals. One that goes on keeps its own:
# held here, it would outlive the modules that it uses at its end.
kept = [None if config['resume'] else sys.modules.get('__main__')]


def cold(name):
    if name not in globals():
        exec(needed('marshal').loads(cold_code), globals())
    return globals()[name]


def stream(fd, old):
    # create_stdio() of Python/pylifecycle.c, on the objects that are there already: loggers, handlers and the
    # program itself hold references to them.
    try:
        if os.fstat(fd).st_mode >> 12 == 4:  # S_IFDIR
            return cold('no_stream')(fd)
    except OSError:
        kept.append(old)  # its end would flush what the frozen process had not written yet
        return None
    writing = fd != 0
    try:
        buffer = old.buffer
        raw = buffer.raw
        usual = config['buffered_stdio'] and type(old) is io.TextIOWrapper and type(raw) is io.FileIO and not raw.closefd
    except (AttributeError, ValueError):
        usual = False
    if not usual or type(buffer) is not (io.BufferedWriter if writing else io.BufferedReader):
        old, buffer, raw = cold('new_stream')(fd, old)
    raw.__init__(fd, 'wb' if writing else 'rb', closefd=False)
    raw.name = ('<stdin>', '<stdout>', '<stderr>')[fd]
    tty = raw.isatty()
    if raw is not buffer:
        size = raw._blksize
        buffer.__init__(raw, size if size > 1 else 8192)
    buffered = config['buffered_stdio']
    old.__init__(buffer, encoding=encoding, errors='backslashreplace' if fd == 2 else errors,
                 newline='\n', write_through=not buffered,
                 line_buffering=buffered and (tty or fd == 2 and config['version'] >= (3, 9)))
    old.mode = 'w' if writing else 'r'
    return old


def signals():
    dfl, ign = _signal.SIG_DFL, _signal.SIG_IGN
    default = _signal.default_int_handler
    _signal.set_wakeup_fd(-1)
    for n in SIGNALS:
        handler = _signal.getsignal(n)
        if handler is None:
            continue  # installed by C code: not Python's to restore
        inherited = ign if ignored >> (n - 1) & 1 else dfl
        if handler == dfl and inherited == dfl and n != 2:
            continue
        # Those of the frozen run of the program are set anew by the next one.
        # That begins as any does.
        stays = handler != ign and handler != dfl and not (n == 2 and handler == default)
        if stays and kept[0] is not None:
            f = getattr(handler, '__func__', handler)
            stays = getattr(f, '__globals__', None) is not kept[0].__dict__
        stays = stays and n not in config['fresh_signals']
        if stays:
            want = handler
        elif n == 13 or n == 25:  # SIGPIPE, SIGXFSZ
            want = ign
        elif n == 2 and inherited == dfl:
            want = default  # as signal's own start: only where the signal is not ignored
        else:
            want = inherited
        if want is not handler or want != inherited:
            _signal.signal(n, want)


def forked():
    # OpenSSL and tempfile tell a fork by another process id. A child may have that of the frozen
    # process. Seeding OpenSSL in each thaw instead would cost it half a millisecond and more.
    if posix.getpid() == config['pid']:
        cold('tell_fork')()


def last_signals():
    for n in (13, 25):  # SIGPIPE, SIGXFSZ: finisignal() of Modules/signalmodule.c, before the last flush
        if callable(_signal.getsignal(n)):
            _signal.signal(n, _signal.SIG_DFL)


def finish():
    # Py_RunMain and Py_FinalizeEx, without tearing the heap down.
    code = 0
    if raised is not None:
        code = getattr(raised, 'code', raised)
        if type(raised) is SystemExit and type(code) is int and code >> 63 in (0, -1):
            code &= 255
        else:
            try:
                code = cold('status')(raised)
            except BaseException:  # of a signal's handler, which may raise between any two instructions
                code = 1
    modules = sys.modules
    threading = modules.get('threading')
    try:
        # 3.9 to 3.12 keep lists of what there is to wait for and to call; where both are empty, nothing is to be done.
        if threading is not None and (getattr(threading, '_shutdown_locks', 1) or getattr(threading, '_threading_atexits', 1)):
            threading._shutdown()
    except BaseException as e:
        cold('unraisable')(e, threading)
    try:
        if 'atexit' in modules:
            modules['atexit']._run_exitfuncs()
    except BaseException as e:
        if not isinstance(e, SystemExit):
            cold('report')(e)
    try:
        for f in (sys.stdout, sys.stderr):
            try:
                if f is not None and not f.closed:
                    f.flush()
            except BaseException as e:
                if f is sys.stdout:
                    cold('unraisable')(e, f)
                if code != -2:
                    code = 120  # as Py_FinalizeEx() failing
    except BaseException:
        pass
    try:
        last_signals()
    except BaseException:
        last_signals()
    try:
        d = modules['__main__'].__dict__
        for private in (True, False):  # the order of _PyModule_ClearDict
            for k in list(d):
                if (k[0:1] == '_') == private and k != '__builtins__':
                    d[k] = None
        own = [getattr(sys, '__stdout__', None), getattr(sys, '__stderr__', None)]
        for o in own + gc.get_objects():  # gc.freeze() left those of the image out
            # By type(): a proxy may claim to be of another class, and would notice.
            if issubclass(type(o), (io.BufferedWriter, io.BufferedRandom, io.TextIOWrapper)) and not o.closed:
                try:
                    o.flush()
                except BaseException:
                    pass
    except BaseException:
        pass
    if flags & 2:
        cold('timings')()
    if code == -2:
        _signal.signal(2, _signal.SIG_DFL)
        posix.kill(posix.getpid(), 2)
        code = 130
    posix._exit(code & 255)


def start():
    global fallback, another, encoding, errors, frozen_errors
    words = strings.split(b'\0')
    fresh = {}
    for item in words[argc:]:
        key, eq, value = item.partition(b'=')
        if eq and key and key not in fresh:
            fresh[key] = value
    # os.environ and os.environb share posix.environ; the C library's own environment is fresh already.
    old = posix.environ
    locale = [fresh.get(k) for k in (b'LC_ALL', b'LC_CTYPE', b'LANG')]
    if old != fresh:
        old.clear()
        old.update(fresh)
    for key, value in config['changes']:
        if value is None:
            old.pop(key, None)
            posix.unsetenv(key)
        else:
            old[key] = value
            posix.putenv(key, value)
    if config['put']:
        cold('put')(config['put'])
    utf8_mode = sys.flags.utf8_mode
    ctype = _locale.setlocale(0)  # LC_CTYPE, of the frozen process
    frozen_errors = 'surrogateescape' if utf8_mode or ctype in COERCION_TARGETS else 'strict'
    if locale != config['locale']:
        try:
            _locale.setlocale(0, '')
        except _locale.Error:
            _locale.setlocale(0, 'C')
        ctype = _locale.setlocale(0)
    if ctype == 'C' or ctype == 'POSIX':
        if not utf8_mode:
            fallback = 'the C locale'  # where Python starts in UTF-8 mode
            return
        ctype = cold('coerce')(ctype)
    if fresh.get(b'PYTHONPATH') != config['pythonpath']:
        reason = cold('pythonpath')(config['pythonpath'], fresh.get(b'PYTHONPATH'))
        if reason:
            fallback = reason
            return
    encoding = 'utf-8'
    if not utf8_mode and _locale.nl_langinfo(_locale.CODESET) != 'UTF-8' or sys.getfilesystemencoding() != encoding:
        encoding = cold('other_encoding')()
        if encoding is None:
            fallback = 'another character set'
            return
    # get_stdio_errors() of Python/initconfig.c
    errors = 'surrogateescape' if utf8_mode or ctype in COERCION_TARGETS else 'strict'
    if b'PYTHONIOENCODING' in fresh:
        encoding, errors = cold('io_encoding')(encoding, errors)
    if not config['resume']:
        signals()
    elif fresh.get(b'PYTHONIOENCODING') != config['io_encoding']:
        fallback = 'another PYTHONIOENCODING'
        return
    elif ignored != config['ignored']:
        cold('inherited')()
    if config['threads']:
        cold('renew_random')()
    if config['seeded']:
        cold('keep_seed')()
    if config['environs']:
        cold('environs')(fresh)
    if config['generators']:
        cold('seed_generators')()
    for fd, name in STDIO:
        if config['resume']:
            cold('go_on')(fd, name)
            continue
        new = stream(fd, getattr(sys, '__' + name, None))
        current = getattr(sys, name[:-2], None)
        if current is not new and type(current) is io.TextIOWrapper:
            # The program's own wrapper over the same buffer: dropping it would close that.
            current.__init__(io.BytesIO())
        setattr(sys, '__' + name, new)
        setattr(sys, name[:-2], new)
    sys.path_importer_cache.pop('', None)
    if 'threading' in sys.modules:
        sys.modules['threading']._main_thread._set_native_id()  # a child of fork() keeps that of its parent
    if 'time' in sys.modules and (fresh.get(b'TZ') != config['tz'] or not config['tz'] and zone() != config['zone']):
        sys.modules['time'].tzset()
    if '_ssl' in sys.modules or 'tempfile' in sys.modules:
        os.register_at_fork(after_in_child=forked)
    if 'multiprocessing.process' in sys.modules:
        cold('original_dir')()
    if fresh.get(b'HOME') != config['home'] or fresh.get(b'PYTHONUSERBASE') != config['userbase']:
        cold('user_site')(config['home'])
    if fresh.get(b'TMPDIR') != config['tmpdir'] and 'tempfile' in sys.modules:
        sys.modules['tempfile'].tempdir = None
    argv = [os.fsdecode(w) for w in words[:argc]]
    if config['version'] >= (3, 10):
        sys.orig_argv[:] = argv
    del argv[:config['interpreter_args']]
    if config['resume']:
        cold('arguments')(argv)
    else:
        again(argv)
    if config['learned']:
        cold('use_learned')()
    if config['copies']:
        cold('copies')(config['copies'])
    if config['local'] and not config['resume']:
        cold('local_modules')(config['local'])
    config['launcher'] = globals().get('launcher')
    if config['launcher'] and config['launcher'][:1] != b'/':
        config['launcher'] = cold('absolute')(config['launcher'])
    for code in recipe_code:
        if type(code) is int:
            code = shipped_recipes[code]
        d = {'sys': sys, 'os': os, '__name__': 'pyfreeze.recipe', '__builtins__': __builtins__, 'config': config}
        exec(code, d)
        reason = d['thaw']() if 'thaw' in d else None
        if type(reason) is tuple:
            another, reason = reason  # image of a launcher's may do
        if reason:
            fallback = reason
    if config['hooks']:
        cold('registered')()
    while config['resume'] and len(sys.modules) > known:
        sys.modules.popitem()  # what this script has imported, and the program has not


def zone():
    # What libc reads where TZ is not set.
    try:
        st = os.stat('/etc/localtime')
    except OSError:
        return None
    return st.st_ino, st.st_size, st.st_mtime_ns


def again(argv):
    # The program runs again: a new module __main__, and what the interpreter does to run a script, a module or a command.
    global run, run_args, run_code
    importlib = sys.modules['_frozen_importlib']
    importlib._module_locks.clear()  # of imports that other threads were in
    importlib._blocking_on.clear()
    if 'atexit' in sys.modules and sys.modules['atexit']._ncallbacks():
        cold('drop_handlers')(kept[0])
    main = sys.modules['__main__'] = type(sys)('__main__')
    d = main.__dict__
    d.update({'__name__': '__main__', '__doc__': None, '__package__': None, '__loader__': None, '__spec__': None,
              '__builtins__': sys.modules['builtins']})
    if config['version'] < (3, 14):  # PEP 649
        d['__annotations__'] = {}
    script = config['script_stat']
    st = None
    path = argv[0]
    if script and path[:1] != '/':
        # As _Py_abspath() of Python/fileutils.c.
        path = os.getcwd() + '/' + (path[2:] if path[:2] == './' else path)
    if script and path == script[0] and (path == argv[0] or config['version'] >= (3, 9)):
        st = os.stat(path)
    if st is not None and (st.st_size, st.st_mtime_ns, st.st_ino, st.st_ctime_ns) == script[1:3] + script[4:]:
        sys.argv[:] = argv
        if not config['safe_path']:
            set_path0(script[3])
        d['__file__'] = path  # absolute since 3.9 (bpo-20443)
        if config['version'] < (3, 15):  # gh-97850
            d['__cached__'] = None
        external = sys.modules['_frozen_importlib_external']
        d['__loader__'] = external.SourceFileLoader('__main__', path)
        run_code, run_args = config['script_code'], d
    else:
        todo, run_args = cold('command')(argv, d)
        if type(run_args) is dict:
            run_code = todo
        else:
            run = todo


def set_path0(value):
    # sys.path[0] of the frozen command is replaced; anything the program put before it stays.
    old = config['path0']
    config['here'] = value
    if old in sys.path[:8]:
        if value != old:
            sys.path[sys.path.index(old)] = value
    else:
        sys.path.insert(0, value)


start()
