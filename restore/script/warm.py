# What a process runs that is warmed up by several runs of its program: `pyfreeze freeze --warm`. It is the interpreter's -c
# argument; sys.argv[1] is a Python literal: the words of the command behind the interpreter's options, sys.path[0],
# the lists of arguments, recipes, each with the module that tells its program ('' for any), and
# what the recipe is to prepare for, if anything: a directory, arguments, variables, and the file
# for why it cannot; and the file that is told what files were read. It must work from 3.8 on, and
# import nothing that is not there anyway.
import gc
import io
import os
import sys


def warm(what, path0, runs, recipes, here, told):
    opened = Opened()
    run = program(what)
    if path0 is not None:
        sys.path[0] = path0
    null = os.open(os.devnull, os.O_RDWR)
    own, mains, status, recipe = [], [], None, {}
    for i, args in enumerate(runs):
        if i == 1:  # the first is the command itself
            standard_streams()
            own = redirect([null] * 3)
            recipe = of_recipe(recipes)
            run = recipe.get('warm', run)
        standard_streams()
        sys.argv[:] = [what[0]] + args
        mains.append(type(sys)('__main__'))
        sys.modules['__main__'] = mains[i]
        mains[i].__dict__['__builtins__'] = __builtins__
        failed = 0
        try:
            run(args)
        except SystemExit as e:
            failed = e.code
        except BaseException as e:
            failed = 1
            if i == 0:
                e.__traceback__ = e.__traceback__.tb_next.tb_next  # without our own frames
                sys.excepthook(type(e), e, e.__traceback__)
            else:
                import traceback
                failed = ''.join(traceback.format_exception(type(e), e, e.__traceback__))
        if i == 0:
            status = failed
            continue
        drop_handlers(mains[i])
        if failed and own[2] is not None:
            os.write(own[2], ('pyfreeze: the warm-up run %r ended with %s\n' % (args, failed)).encode())
    opened.tell(told)
    gc.collect()  # what the runs have left unreachable holds their files
    if here and not status:
        prepare(what, recipe.get('prepare'), **here)
    if own:  # what is left of the command itself is the user's to see
        standard_streams()
        for fd in redirect(own) + own:
            if fd is not None:
                os.close(fd)
    sys.modules['__main__'] = mains[0]
    sys.argv[:] = what[:1] + runs[0]  # what modules have copied when they were imported is of these
    os.close(null)
    if status:
        sys.exit(status)


class Opened:
    # Files that are read while the program is warmed up: what is kept of them must be read anew
    # where they have changed.
    def __init__(self):
        loader = sys.modules['_frozen_importlib_external'].FileLoader
        builtins = sys.modules['builtins']
        self.here, self.paths, self.undo = os.getcwd(), set(), []
        for where, name, at in (builtins, 'open', 0), (io, 'open', 0), (os, 'open', 0), (loader, 'get_data', 1):
            f = getattr(where, name)
            self.undo.append((where, name, f, self.noting(f, at)))
            setattr(where, name, self.undo[-1][3])

    def noting(self, f, at):
        def open(*args, **kwargs):
            if len(args) > at:
                self.note(args[at], *args[at + 1:], **kwargs)
            return f(*args, **kwargs)
        return open

    def note(self, path, mode='r', *args, **kwargs):
        try:
            path = os.fsdecode(path)
        except TypeError:
            return  # a descriptor
        reads = mode & 3 == os.O_RDONLY if type(mode) is int else not set(mode) & set('wax+')
        path = os.path.join(self.here, path)
        if reads and not path.endswith(('.py', '.pyc')):
            self.paths.add(path)

    def tell(self, to):
        for where, name, f, noting in self.undo:
            setattr(where, name, f)
            for module in list(sys.modules.values()):  # from builtins import open
                if issubclass(type(module), type(sys)):
                    d = object.__getattribute__(module, '__dict__')  # a lazy one is not loaded
                    for name in [k for k, v in list(d.items()) if v is noting]:
                        d[name] = f
        with open(to, 'wb') as f:
            f.write(b'\0'.join(os.fsencode(path) for path in sorted(self.paths)))


def prepare(what, by, dir, args, env, why):
    # As a run of the program in this directory, with these arguments and variables would begin.
    back, old = os.open('.', os.O_RDONLY), {name: os.environ.get(name) for name in env}
    try:
        sys.argv[:] = [what[0]] + args
        put(env)
        os.chdir(dir)
        reason = by() if by else 'the recipe has no prepare()'
    except BaseException as e:
        reason = repr(e)
    os.fchdir(back)
    os.close(back)
    put(old)
    if reason:
        with open(why, 'w') as f:
            f.write(reason)
        os._exit(1)  # what it has done so far is in the way


def put(env):
    for name, value in env.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def redirect(to):
    own = []
    for fd in range(3):
        try:
            own.append(os.dup(fd))
        except OSError:
            own.append(None)
        if to[fd] is None:
            os.close(fd)
        else:
            os.dup2(to[fd], fd)
    return own


def drop_handlers(main):
    # atexit handlers that a warm-up run of the program has registered.
    class Of:
        def __eq__(self, f):
            f = getattr(f, '__func__', getattr(f, 'func', f))
            return getattr(f, '__globals__', None) is main.__dict__

    if 'atexit' in sys.modules:
        sys.modules['atexit'].unregister(Of())


def standard_streams():
    # A program may have wrapped their buffers anew: dropping such a wrapper would close the buffer.
    for name in ('stdin', 'stdout', 'stderr'):
        usual, now = getattr(sys, '__' + name + '__'), getattr(sys, name)
        if now is not None and now is not usual:
            if name != 'stdin':
                now.flush()
            if type(now) is io.TextIOWrapper:
                now.__init__(io.BytesIO())
            setattr(sys, name, usual)
        if usual is not None and name != 'stdin':
            usual.flush()


def of_recipe(recipes):
    for module, source in recipes:
        if not module or module in sys.modules:
            namespace = {'__name__': 'pyfreeze.recipe', '__builtins__': __builtins__}
            exec(compile(source, '<pyfreeze recipe>', 'exec', dont_inherit=True), namespace)
            return namespace
    return {}


def program(what):
    if what[0] == '-m':
        import runpy
        return lambda args: runpy._run_module_as_main(what[1], True)
    source, name = what[-1] + '\n', '<string>'
    if what[0] != '-c':
        name = what[0]
        with open(name, 'rb') as f:
            source = f.read()
    code = compile(source, name, 'exec', dont_inherit=True)

    def run(args):
        d = sys.modules['__main__'].__dict__
        if what[0] != '-c':
            d['__file__'] = name
            if sys.version_info < (3, 15):
                d['__cached__'] = None
        exec(code, d)
    return run


warm(*eval(sys.argv[1], {'__builtins__': {}, 'null': None}))
