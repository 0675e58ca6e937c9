"""A program that hoards memory in ways that `pyfreeze inspect heap` tells."""
import sys


class Order:
    def __init__(self, number):
        self.number, self.text = number, bytes([number % 251]) * 1000 + b"%d" % number


cache = {n: Order(n) for n in range(20000)}
texts = [" ".join(["the same", "text again"]) for n in range(5000)]
sparse = {n: n for n in range(50000)}
for n in range(49990):
    del sparse[n]
print("ready", flush=True)
sys.stdin.readline()
