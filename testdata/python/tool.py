#!/usr/bin/python3.11
"""A command with a module of its own, for a launcher."""
import os
import sys

import tool_module

try:
    os.waitpid(-1, os.WNOHANG)
    print('a child that is not ours')
except ChildProcessError:
    pass
if sys.argv[1:] == ['thread']:
    import threading, time
    threading.Thread(target=time.sleep, args=(0.2,)).start()
if sys.argv[1:] == ['hold']:
    os.close(3)
    sys.stdin.read()
if hasattr(tool_module, 'main'):
    tool_module.main()
print(tool_module.text, sys.argv[1:], os.path.basename(sys.argv[0]))
