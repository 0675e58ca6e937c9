package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// threadLibrary starts a thread when it is loaded, as libraries of numbers do; it ends by itself.
const threadLibrary = `
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
char said[64];
static void *work(void *path)
{
	usleep(20000);
	int fd = open(path, WRITES ? O_WRONLY | O_CREAT | O_APPEND : O_RDONLY, 0644);
	if (WRITES)
		(void)!write(fd, "line\n", 5);
	else
		(void)!read(fd, said, sizeof said - 1);
	close(fd);
	return 0;
}
static pthread_t thread;
__attribute__((constructor)) static void start(void) { pthread_create(&thread, 0, work, PATH); }
void done(void) { pthread_join(thread, 0); }
`

// TestFoundThreadOfLibrary has a library whose thread does before the point what others can tell,
// or reads a file.
func TestFoundThreadOfLibrary(t *testing.T) {
	h := newHome(t)
	file := filepath.Join(h.dir, "file")
	h.write("thread.c", threadLibrary)
	h.write("prog.py", `
import ctypes, os, sys, time
x = 1
lib = ctypes.CDLL(os.path.dirname(os.path.abspath(__file__)) + "/thread.so")
lib.done()
said = ctypes.create_string_buffer(64).raw and ctypes.c_char.in_dll(lib, "said")
args = sys.argv[1:]
print(args, ctypes.string_at(ctypes.addressof(said)))
`)
	build := func(writes string) {
		h.run("gcc", "-shared", "-fPIC", "-pthread", "-DWRITES="+writes, `-DPATH="`+file+`"`, "-o", "thread.so", "thread.c").must(t, "exit 0")
	}
	lines := func() int {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(b), "\n")
	}
	for _, py := range []string{python, inspectedPythons(t)[len(inspectedPythons(t))-1]} {
		_ = os.Remove(file)
		build("1")
		h.run(binary, "freeze", "-o", "i", "--", py, "prog.py").must(t, "exit 0")
		if n := lines(); n != 1 {
			t.Errorf("%s: the thread has written %d lines in one run of the program", py, n)
		}
		h.run(binary, "run", "i", "x").must(t, "exit 0")
		if n := lines(); n != 2 {
			t.Errorf("%s: %d lines after a run of the image", py, n)
		}
		h.write("file", "one")
		build("0")
		h.run(binary, "freeze", "-o", "i", "--", py, "prog.py").must(t, "exit 0")
		log := newRunLog(t)
		h.same(t, log, nil, "prog.py")
		log.thawed(t, 1)
		h.write("file", "two")
		log = newRunLog(t)
		h.same(t, log, nil, "prog.py")
		log.fellBack(t, "/file has changed")
	}
}
