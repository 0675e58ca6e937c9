package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestFoundLinks leads the path of a script, by a link that the interpreter's start follows, to
// another directory with files that are the same.
func TestFoundLinks(t *testing.T) {
	for _, name := range []string{"dir", "file"} {
		h := newHome(t)
		h.write("v1/p.py", "import sys\ndef main():\n    args = sys.argv[1:]\n    import beside\n"+
			"    print(beside.__file__, sys.path[0], args)\nmain()\n")
		h.write("v1/beside.py", "x = 1\n")
		h.run("cp", "-a", "v1", "v2").must(t, "exit 0")
		link, prog, to := filepath.Join(h.dir, "cur"), "cur/p.py", "v2"
		if name == "file" {
			prog, to = "cur", "v2/p.py"
		}
		if err := os.Symlink("v1"+to[2:], link); err != nil {
			t.Fatal(err)
		}
		prog = filepath.Join(h.dir, prog)
		h.run(binary, "freeze", "-o", "i", "--", python, prog).must(t, "exit 0")
		log := newRunLog(t)
		h.run(log.env(), binary, "run", "i").must(t, "exit 0")
		log.thawed(t, 1)
		h.run("ln", "-sfn", to, link).must(t, "exit 0")
		log = newRunLog(t)
		plain := h.run(python, prog, "x")
		if got := h.run(log.env(), binary, "run", "i", "x"); got.Stdout != plain.Stdout {
			t.Errorf("%s: %v, plain %v", name, got, plain)
		}
		log.fellBack(t, "cur has changed since")
	}
}

// TestFoundNamespace adds a part to a package that has no __init__.py.
func TestFoundNamespace(t *testing.T) {
	h := newHome(t)
	h.write("one/spaced/a.py", "")
	h.write("two/other.py", "")
	h.write("p.py", "import sys\nsys.path += ['"+h.dir+"/one', '"+h.dir+"/two']\nimport spaced.a, other\n"+
		"def main():\n    print(*spaced.__path__, sys.argv[1:])\nmain()\n")
	prog := filepath.Join(h.dir, "p.py")
	h.run(binary, "freeze", "-o", "i", "--", python, prog).must(t, "exit 0")
	for _, c := range []struct{ makes, why string }{{"two/not-a-name", ""}, {"two/spaced", "two/spaced has changed since"}} {
		if err := os.Mkdir(filepath.Join(h.dir, c.makes), 0o755); err != nil {
			t.Fatal(err)
		}
		log := newRunLog(t)
		plain := h.run(python, prog, "x")
		if got := h.run(log.env(), binary, "run", "i", "x"); got.Stdout != plain.Stdout {
			t.Errorf("%s: %v, plain %v", c.makes, got, plain)
		}
		log.one(t, c.why)
	}
}

// TestFoundKernel asks the kernel what it keeps of descriptors and of the process, where the
// program has set it before its point.
func TestFoundKernel(t *testing.T) {
	h := newHome(t)
	h.write("p.py", `
import ctypes, fcntl, os, socket, sys
r, w = os.pipe()
os.set_inheritable(w, True)
os.set_blocking(r, False)
a, b = socket.socketpair()
b.setblocking(False)
os.set_inheritable(a.fileno(), True)
if "size" in os.environ.get("WHAT", ""):
    fcntl.fcntl(w, 1031, 1 << 18)
libc = ctypes.CDLL(None)
if "attributes" in os.environ.get("WHAT", ""):
    libc.prctl(1, 9), libc.prctl(36, 1), libc.prctl(29, 123456)
def main():
    print(sys.argv[1:], fcntl.fcntl(w, 1032), libc.prctl(30))
    for fd in r, w, a.fileno(), b.fileno():
        print(os.get_inheritable(fd), os.get_blocking(fd), fcntl.fcntl(fd, fcntl.F_GETFL))
    for option in 2, 37:
        n = ctypes.c_int()
        libc.prctl(option, ctypes.byref(n))
        print(n.value)
main()
`)
	for _, what := range []string{"WHAT=flags", "WHAT=size", "WHAT=attributes"} {
		h.run(what, binary, "freeze", "-o", "i", "--", python, "p.py").must(t, "exit 0")
		log := newRunLog(t)
		plain := h.run(what, python, "p.py", "x").must(t, "exit 0")
		if got := h.run(what, log.env(), binary, "run", "i", "x"); got.Stdout != plain.Stdout {
			t.Errorf("%s: %v, plain %v", what, got, plain)
		}
		log.thawed(t, 1)
	}
}

// TestFoundCopies freezes a program that takes a copy of its standard output, where that is the
// null device: each run has its own.
func TestFoundCopies(t *testing.T) {
	h, log := newHome(t), newRunLog(t)
	h.write("p.py", "import os, sys\nout = os.dup(1)\ndef main():\n    os.write(out, b'copy ')\n"+
		"    os.dup2(out, 1)\n    print(sys.argv[1:], os.get_inheritable(1))\nmain()\n")
	h.run("/bin/sh", "-c", binary+" freeze -o i -- "+python+" p.py z >/dev/null 2>&1 </dev/null").must(t, "exit 0")
	plain := h.run(python, "p.py", "x").must(t, "exit 0")
	if got := h.run(log.env(), binary, "run", "i", "x"); got.Stdout != plain.Stdout {
		t.Errorf("%v, plain %v", got, plain)
	}
	log.thawed(t, 1)
}
