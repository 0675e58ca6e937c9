package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the odd starts of odd_test.go need.

func preload(t *testing.T, o *oddStart, dir string) {
	lib := filepath.Join(dir, "preload.so")
	run(t, command{argv: []string{"gcc", "-O1", "-shared", "-fPIC", "-o", lib, "../../testdata/native/preload.c"}}).must(t, "exit 0")
	o.env = []string{"LD_PRELOAD=" + lib}
	if got := run(t, o.command("x")); !strings.Contains(got.Stdout, `"node": "preloaded"`) {
		t.Fatalf("the library has no effect: %v", got)
	}
}

func preloadMalloc(t *testing.T, o *oddStart, dir string) {
	source, lib := filepath.Join(dir, "malloc.c"), filepath.Join(dir, "malloc.so")
	text := "#include <stddef.h>\nvoid *__libc_malloc(size_t);\nvoid *malloc(size_t n) { return __libc_malloc(n + 1); }\n"
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, command{argv: []string{"gcc", "-O1", "-fno-builtin", "-shared", "-fPIC", "-o", lib, source}}).must(t, "exit 0")
	o.env = []string{"LD_PRELOAD=" + lib}
}

// libraryPath has the interpreter load a copy of a library that it needs.
func libraryPath(t *testing.T, o *oddStart, dir string) {
	copyFile(t, filepath.Join(dir, "libz.so.1"), "/lib/x86_64-linux-gnu/libz.so.1", 0o755)
	o.env = []string{"LD_LIBRARY_PATH=" + dir}
}

// libpythonPath makes an interpreter that does not know where its libpython is.
func libpythonPath(t *testing.T, o *oddStart, dir string) {
	lib, exe := filepath.Join(filepath.Dir(filepath.Dir(aPyenv(t, "3.12"))), "lib"), filepath.Join(dir, "python3.12")
	source := exe + ".c"
	text := "int Py_BytesMain(int, char **);\nint main(int argc, char **argv) { return Py_BytesMain(argc, argv); }\n"
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, command{argv: []string{"gcc", "-o", exe, source, "-L" + lib, "-lpython3.12"}}).must(t, "exit 0")
	o.python, o.env = []string{exe}, []string{"LD_LIBRARY_PATH=" + lib}
}

// venv starts the script by its first line, which names the interpreter of a virtual environment.
func venv(python string) func(t *testing.T, o *oddStart, dir string) {
	return func(t *testing.T, o *oddStart, dir string) {
		run(t, command{argv: []string{python, "-m", "venv", "--without-pip", filepath.Join(dir, "venv")}}).must(t, "exit 0")
		o.script = filepath.Join(dir, "tool")
		text, err := os.ReadFile(program("odd.py"))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), "\n")
		if err := os.WriteFile(o.script, []byte("#!"+filepath.Join(dir, "venv/bin/python")+"\n"+rest), 0o755); err != nil {
			t.Fatal(err)
		}
		o.python = nil
		if got := run(t, o.command("x")); !strings.Contains(got.Stdout, `"prefix": "`+filepath.Join(dir, "venv")+`"`) {
			t.Fatalf("the virtual environment has no effect: %v", got)
		}
	}
}

// pythonHome gives the interpreter another home, with the same library.
func pythonHome(t *testing.T, o *oddStart, dir string) {
	if err := os.MkdirAll(filepath.Join(dir, "lib"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/usr/lib/python3.11", filepath.Join(dir, "lib/python3.11")); err != nil {
		t.Fatal(err)
	}
	o.env = []string{"PYTHONHOME=" + dir}
}

// pth copies the interpreter and puts a file beside it that says what sys.path is (Modules/getpath.py, 3.11).
func pth(t *testing.T, o *oddStart, dir string) {
	exe := filepath.Join(dir, "python3.11")
	copyFile(t, exe, python, 0o755)
	text := "/usr/lib/python3.11\n/usr/lib/python3.11/lib-dynload\n" + dir + "\n"
	if err := os.WriteFile(exe+"._pth", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	o.python = []string{exe}
}
