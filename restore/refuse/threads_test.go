package refuse

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pyfreeze/procmem"
	"pyfreeze/restore/internal/target"
	"pyfreeze/restore/libs"
)

// Threads of Python: those that a program waits for, those that it does not, those that have ended.
func TestPythonThreads(t *testing.T) {
	const remedy = `, which a thaw has not \(freeze at a function that is called before it is ` +
		`started \(--at MODULE:FUNCTION\), or keep it \(--threads\), or --allow thread\)`
	const make = "t = threading.Thread(target=time.sleep, args=(60,), name='w')\n"
	tell(t, map[string]story{
		"a thread": {
			refused: make + "t.start()",
			says:    `threading\._active\[\d+\] holds a running thread 'w'` + remedy,
			allow:   "thread",
			near:    make, // it was never started
		},
		"a daemon": {
			refused: make + "t.daemon = True\nt.start()",
			says:    `threading\._active\[\d+\] holds a running daemon thread 'w'` + remedy,
			allow:   "thread",
			near:    strings.Replace(make, "60", "0", 1) + "t.daemon = True\nt.start()\nt.join()",
		},
		"the lock of imports": {
			refused: "import _imp, _thread\nready = threading.Event()\n" +
				"def f():\n _imp.acquire_lock()\n ready.set()\n time.sleep(60)\n" +
				"_thread.start_new_thread(f, ())\nready.wait()",
			says: `another thread that is importing a module ` +
				`\(freeze it again, at another moment\)`,
			near: "import _imp, _thread\nready = threading.Event()\n" +
				"def f():\n _imp.acquire_lock()\n _imp.release_lock()\n ready.set()\n" +
				" time.sleep(60)\n" +
				"_thread.start_new_thread(f, ())\nready.wait()\n_imp.acquire_lock()",
		},
	})
}

// A library that makes a thread, which sleeps, and one that also wants to know of forks.
const pool = `
#include <pthread.h>
#include <unistd.h>
static void *work(void *name) { pthread_setname_np(pthread_self(), name); sleep(60); return 0; }
static void nothing(void) {}
int begin(char *name) {
#ifdef KNOWS
	pthread_atfork(nothing, nothing, nothing);
#endif
	pthread_t t;
	return pthread_create(&t, 0, work, name);
}
`

// compile makes a shared library of C.
func compile(t *testing.T, name, source string, options ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	cmd := exec.Command("gcc", append(options, "-shared", "-fPIC", "-O1", "-Wl,-soname="+name,
		"-o", path, "-x", "c", "-")...)
	cmd.Stdin = strings.NewReader(source)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// Threads of a library: told once, with all their names; not where it knows of forks, nor those
// of the C library itself.
func TestNativeThreads(t *testing.T) {
	begin := func(lib, names string) string {
		return "import ctypes\nlib = ctypes.CDLL('" + lib + "')\nkept = []\n" +
			"for n in " + names + ":\n kept.append(ctypes.create_string_buffer(n))\n" +
			" lib.begin(kept[-1])\n" +
			"def names():\n d = '/proc/self/task/'\n" +
			" return sorted(open(d + i + '/comm', 'rb').read().strip() for i in os.listdir(d))\n" +
			"while not set(" + names + ") <= set(names()): pass\ntime.sleep(0.05)"
	}
	plain, knows := compile(t, "libpool.so.1", pool), compile(t, "libpool.so.2", pool, "-DKNOWS")
	tell(t, map[string]story{
		"a pool": {
			refused: begin(plain, "(b'two', b'one', b'two')"),
			says: `threads of libpool\.so\.1 \(one, two\), which does not make them again after a ` +
				`fork \(freeze at a function that is called before they are made ` +
				`\(--at MODULE:FUNCTION\), or keep them \(--threads\)\)`,
			near: begin(knows, "(b'two', b'one')"),
		},
		"of the C library": {
			refused: begin(plain, "(b'w',)"),
			says:    `threads of libpool\.so\.1 \(w\), .*`,
			near: "import ctypes\nlibc, t = ctypes.CDLL(None), ctypes.c_ulong()\n" +
				"libc.pthread_create(ctypes.byref(t), None, libc.sleep, ctypes.c_void_p(60))\n" +
				"while len(os.listdir('/proc/self/task')) < 2: pass\ntime.sleep(0.05)",
		},
	})
	// jemalloc knows of forks for its locks only: a library with it in is none that makes threads.
	t.Run("with jemalloc", func(t *testing.T) {
		lib := compile(t, "libpool.so.3", pool+`const char *const malloc_message = "<jemalloc>: ";`,
			"-DKNOWS")
		said := freeze(t, begin(lib, "(b'w',)")).refused(again)
		if len(said) != 1 || !strings.HasPrefix(said[0], "threads of libpool.so.3 (w)") {
			t.Errorf("it is refused for %q", said)
		}
	})
}

// A thread that really is inside malloc: it trims a heap that is full of holes, again and again.
func TestThreadInMalloc(t *testing.T) {
	const program = before + `
import ctypes
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.free.argtypes = None
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
kept = [libc.malloc(20000) for _ in range(2000)]
for p in kept[::2]:
    libc.free(p)
def work():
    while 1: libc.%s(0)
t = threading.Thread(target=work, daemon=True)
t.start()` + behind
	says := func(f *frozen) string {
		out := f.Unsafe(f.c, f.list)
		if len(out) == 0 {
			return ""
		}
		return out[0].String()
	}
	p := target.Talk(t, target.Debian, fmt.Sprintf(program, "malloc_trim"))
	want := " inside malloc or free (freeze it again, at another moment)"
	seen := false
	for i := 0; i < 10 && !seen; i++ { // it also runs code of Python
		said := says(copyOf(t, p))
		seen = strings.HasPrefix(said, "thread ") && strings.HasSuffix(said, want)
	}
	if !seen {
		t.Error("it never is found in malloc")
	}
	p = target.Talk(t, target.Debian, fmt.Sprintf(program, "abs"))
	if said := says(copyOf(t, p)); said != "" {
		t.Errorf("one that does sums in the C library is refused for %q", said)
	}
}

// Every function of malloc.o counts, and nothing else: its neighbours, copies, the interpreter.
func TestInMalloc(t *testing.T) {
	f := freeze(t, "t = threading.Thread(target=time.sleep, args=(60,))\nt.start()")
	var libc *libs.Library
	for _, l := range f.list {
		if strings.HasPrefix(l.Soname, "libc.so") {
			libc = l
		}
	}
	th := &f.c.Threads[1]
	there := func(l *libs.Library, name string, within procmem.Addr) bool {
		t.Helper()
		sym, ok := l.File.Dynsym(name)
		if !ok {
			t.Fatalf("no %s", name)
		}
		th.Regs.Rip = uint64(l.Bias + sym.Addr + within)
		return len(f.Unsafe(f.c, f.list)) > 0
	}
	for _, name := range strings.Fields("malloc free calloc realloc memalign malloc_trim mallopt") {
		for _, within := range []procmem.Addr{0, 4, 11} {
			if !there(libc, name, within) {
				t.Errorf("%s+%d is not in malloc", name, within)
			}
		}
	}
	for _, name := range strings.Fields("memcpy fork read write strdup qsort getenv abort") {
		if there(libc, name, 0) {
			t.Errorf("%s is in malloc", name)
		}
	}
	exe, _, err := libs.Interpreter(f.list)
	if err != nil {
		t.Fatal(err)
	}
	if there(exe, "PyObject_Malloc", 0) {
		t.Error("the interpreter's own allocator is in malloc")
	}
	// In a system call it is the call that counts.
	sym, _ := libc.File.Dynsym("getppid")
	code, err := f.Space.Bytes(libc.Bias+sym.Addr, 32)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(code), "\x0f\x05")
	for nr, want := range map[uint64]bool{9: true, 10: true, 11: true, 12: true, 25: true, 28: true,
		0: false, 202: false, 230: false} { // mmap and its like; read, futex, clock_nanosleep
		th.Regs.Rip, th.Regs.Rax = uint64(libc.Bias+sym.Addr)+uint64(at), nr
		if got := len(f.Unsafe(f.c, f.list)) > 0; got != want {
			t.Errorf("in system call %d: %v", nr, got)
		}
	}
	// At the return of one, too, and where the C library makes more of one.
	for name, want := range map[string]bool{"madvise": true, "munmap": true, "mmap": true,
		"mprotect": true, "sbrk": true, "getppid": false, "nanosleep": false} {
		sym, _ := libc.File.Dynsym(name)
		if got := there(libc, name, procmem.Addr(sym.Size)-1); got != want {
			t.Errorf("at the end of %s: %v", name, got)
		}
	}
	// The main thread comes back with its locks.
	f.c.Threads[0].Regs.Rip = th.Regs.Rip
	if there(libc, "malloc", 0); len(f.Unsafe(f.c, f.list)) != 1 {
		t.Error("one thread is in malloc, but is not refused alone")
	}
	f.c.Threads[0].Regs.Rip = th.Regs.Rip
	if there(libc, "getenv", 0) {
		t.Error("the main thread counts")
	}
}
