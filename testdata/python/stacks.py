"""Leaves secrets in frames that have returned, on the stacks of its threads: deep ones, that are at the end of a chunk of Python's stack, and
generators that stand still. It goes on with all of them in the end."""
import json
import os
import signal
import sys
import threading
import time


def secret(n):
    return int('%d%d' % (0x5ec3e7, n))


def leaf(depth, n):
    if depth:
        return leaf(depth - 1, n)
    a, b, c, d, e, f = [secret(n) for _ in range(6)]
    return a - f


def deep(depth, then):
    local = 'frame %d' % depth
    result = deep(depth - 1, then) if depth else then()
    return result if local == 'frame %d' % depth else None


def numbers():
    total = 0
    for i in range(10):
        total += yield total + i


def stand_still(n, started, go):
    def wait():
        for depth in (500, 40, 3):
            leaf(depth, n)
        started.append(n)
        while not go:
            time.sleep(0.01)
        return leaf(100, n) == 0
    return deep(n, wait)


if len(sys.argv) > 1:
    go, results = [], {}
    started = []
    depths = [1, 17, 90, 91, 92, 93, 94, 95, 180, 181, 182, 183, 184, 400]
    for n in depths:
        threading.Thread(target=lambda n=n: results.update({n: stand_still(n, started, go)}), daemon=True).start()
        while n not in started:
            time.sleep(0.001)
    generator = numbers()
    json.generator = [generator, next(generator), generator.send(1)]
    time.sleep(0.1)
    signal.signal(signal.SIGTERM, lambda *args: None)

    def main():
        leaf(600, 7)
        print('ready', flush=True)
        signal.pause()
        return True

    ok = deep(50, main)
    go.append(True)
    for i in range(500):
        if len(results) == len(depths):
            break
        time.sleep(0.01)
    print('done whole' if ok and all(results.values()) and len(results) == len(depths) and generator.send(1) is not None else 'broken', flush=True)
    os._exit(0)
generator, first, second = json.generator
print('thawed', first, second, generator.send(1), deep(900, lambda: leaf(50, 1)))
