"""Locks, held and not; prints the address and the state of each."""
import sys
import threading

free, held = threading.Lock(), threading.Lock()
held.acquire()
rfree, rheld, rtwice, left = (threading.RLock() for _ in range(4))
rheld.acquire()
rtwice.acquire(); rtwice.acquire(); rtwice.release()
t = threading.Thread(target=left.acquire)
t.start()
t.join()
once = threading.Lock()
once.acquire(); once.release()
for name, lock, state in [("free", free, 0), ("held", held, 1), ("rfree", rfree, 0), ("rheld", rheld, 1), ("rtwice", rtwice, 1), ("left", left, 1), ("once", once, 0)]:
    print("LOCK", name, hex(id(lock)), state)
print("IDENT", threading.get_ident())
print("READY", flush=True)
sys.stdin.read()
