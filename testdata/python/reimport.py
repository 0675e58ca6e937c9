"""Imports C extension modules once more, in this interpreter and in a sub-interpreter, and prints how often each of their files is mapped; and whether the main
interpreter knows that it runs."""
import sys

names = ['_json', '_struct', '_decimal', '_datetime', 'math', '_pickle', '_random']
for name in names:
    __import__(name)
files = {name: sys.modules[name].__file__ for name in names if hasattr(sys.modules[name], '__file__')}  # others are built in


def mappings():
    with open('/proc/self/maps') as f:
        lines = [line.split() for line in f]
    return {name: sum(line[-1] == path and 'x' in line[1] for line in lines) for name, path in files.items()}


def again():
    for name in files:
        del sys.modules[name]
    for name in files:
        __import__(name)
    return [name for name in files if sys.modules[name].__file__ != files[name]]


def in_another():
    try:
        import _xxsubinterpreters as interpreters
    except ImportError:
        import _interpreters as interpreters
    # With a GIL of its own it would refuse modules of one phase.
    shared = ({}, {'isolated': False}, {'config': 'legacy'})[(sys.version_info >= (3, 12)) + (sys.version_info >= (3, 13))]
    one = interpreters.create(**shared)
    interpreters.run_string(one, 'import ' + ', '.join(files))
    interpreters.destroy(one)
    print(interpreters.is_running(0))


if __name__ == '__main__':
    print(again(), set(mappings().values()))
    in_another()
    print(set(mappings().values()), __import__('_struct').unpack('<H', b'xy'), __import__('math').sqrt(4))
