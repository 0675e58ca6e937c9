# A program with hooks of a module and of its own. What it has written stays in its buffer at first.
import os
import sys

import hooked
import snapshot_restore_py

snapshot_restore_py.register_after_restore(hooked.log.append, 'own')
snapshot_restore_py.register_after_restore(lambda: hooked.log.append('of the script'))
hooked.connect()
print('before the point', end=' ')


def main():
    print(sys.argv[1:], hooked.log[1:])
    print('open' if hooked.connection.fileno() >= 0 else 'closed')
    print(len(snapshot_restore_py.get_after_restore()), hooked.ends)
    try:
        print(os.wait())
    except ChildProcessError:
        pass


main()
