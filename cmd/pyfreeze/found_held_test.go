package main

import (
	"strings"
	"testing"
)

// TestFoundHeld has programs that would hold what no thaw can have at the latest point at which
// nothing depends on the run: they are frozen where they do not hold it yet.
func TestFoundHeld(t *testing.T) {
	for name, program := range map[string]string{
		"event loop": `
import asyncio, sys
async def deeper():
    await asyncio.sleep(0)
    return sys.argv[1:]
async def main():
    print(await asyncio.wait_for(deeper(), 9), asyncio.current_task() is not None)
asyncio.run(main())
`,
		"lock of logging": `
import logging, logging.handlers, sys
logging._lock.acquire()
args = sys.argv[1:]
logging._lock.release()
print(args)
`,
		"lock of a handler": `
import logging, sys
handler = logging.StreamHandler(sys.stdout)
with handler.lock:
    args = sys.argv[1:]
print(args)
`,
		"lock that a fork takes": `
import sys
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(1)
answer = pool.submit(pow, 2, 3)
print(sys.argv[1:], answer.result())
`,
		"lock of the program": `
import os, sys, threading
lock = threading.Lock()
os.register_at_fork(before=lock.acquire, after_in_child=lock.release, after_in_parent=lock.release)
def guarded():
    with lock:
        return sys.argv[1:]
print(guarded(), lock.locked())
`,
	} {
		t.Run(name, func(t *testing.T) {
			h := newHome(t)
			h.write("prog.py", program)
			log := newRunLog(t)
			h.run(log.env(), binary, "freeze", "-o", "i", "--", python, h.dir+"/prog.py", "a").
				must(t, "exit 0")
			plain := h.run(log.env(), python, h.dir+"/prog.py", "b", "c").must(t, "exit 0")
			got := h.run(log.env(), binary, "run", "i", "b", "c")
			if got.Stdout != plain.Stdout || got.Stderr != plain.Stderr {
				t.Errorf("%v, plain %v", got, plain)
			}
			log.thawed(t, 1)
		})
	}
}

// TestFoundEndAsPlain has programs whose end is told by what is freed then: the words of the start
// by an allocator with hooks, and objects of the script before the modules that they use.
func TestFoundEndAsPlain(t *testing.T) {
	const ends = `
import random, sys, tempfile
class Last:
    def __del__(self):
        print("module", "is there" if tempfile.gettempdir else "is gone")
def cycle(): pass
last = Last()
print(sys.argv[1:])
`
	for _, options := range [][]string{nil, {"-X", "dev"}} {
		for _, py := range inspectedPythons(t) {
			h := newHome(t)
			h.write("prog.py", ends)
			log := newRunLog(t)
			command := append(append([]string{py}, options...), h.dir+"/prog.py")
			frozen := h.run(append([]string{log.env(), binary, "freeze", "-o", "i", "--"}, command...)...)
			if strings.Contains(frozen.Stderr, "CPython 3.8") && options != nil {
				frozen.must(t, "exit 6").oneLine(t, "start it without them")
				continue
			}
			frozen.must(t, "exit 0")
			for _, args := range [][]string{{}, {"x", "\u00e9", "a word"}} {
				plain := h.run(append(append([]string{log.env()}, command...), args...)...).must(t, "exit 0")
				got := h.run(append([]string{log.env(), binary, "run", "i"}, args...)...)
				if got.Stdout != plain.Stdout || got.Stderr != plain.Stderr || got.Status != plain.Status {
					t.Errorf("%s %v: %v, plain %v", py, options, got, plain)
				}
			}
			log.thawed(t, 2)
		}
	}
}
