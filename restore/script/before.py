# Runs what the program has registered to be called before it is frozen, in the process that will
# be frozen: as AWS's runtime does, the last one first, each once. It leaves in 'failed' why that
# did not work, '' where it did. Given by the stub: modules (sys.modules).
sys, io, os = modules['sys'], modules['io'], modules['os']


def run():
    pending = [(f, take(f)) for f in (sys.stdout, sys.stderr)]
    failed = ''
    try:
        registry = modules['snapshot_restore_py'].get_before_snapshot()
        while registry:
            func, args, kwargs = registry.pop()
            func(*args, **kwargs)
    except BaseException as e:
        e.__traceback__ = e.__traceback__.tb_next  # without our own frame
        failed = type(e).__name__ + ': ' + ' '.join(str(e).split())
        try:
            sys.__excepthook__(type(e), e, e.__traceback__)
        except BaseException:
            pass
    for f, text in pending:
        give(f, text)
    return failed.encode('utf-8', 'replace').decode()


def take(f):
    # What the program has not written yet: its own process writes it, or each thaw does. None where
    # there may be no such thing.
    try:
        fd = f.fileno()
        own, away = os.dup(fd), os.memfd_create('pyfreeze')
    except (AttributeError, ValueError, OSError):
        return None
    try:
        os.dup2(away, fd)
        f.flush()
        os.lseek(away, 0, 0)
        return os.read(away, 1 << 20)
    except (ValueError, OSError):
        return None
    finally:
        os.dup2(own, fd, fd <= 2)
        os.close(own)
        os.close(away)


def give(f, text):
    try:
        if f is not None and not f.closed:
            f.flush()
            if text:
                f.buffer.write(text)
    except (AttributeError, ValueError, OSError):
        pass


failed = run()
