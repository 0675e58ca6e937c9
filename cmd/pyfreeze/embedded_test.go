package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// hostProgram is a program that has Python within it, and notes each of its starts.
const hostProgram = `
#include <Python.h>
int main(int argc, char **argv)
{
	FILE *f = fopen(STARTS, "a");
	for (int i = 1; i < argc; i++)
		fprintf(f, "%.60s ", argv[i]);
	fputc('\n', f);
	fclose(f);
	Py_Initialize();
	PyRun_SimpleString(argc > 2 ? "import sys\nprint('ready', flush=True)\nsys.stdin.readline()\n" : "print(1)");
	return Py_FinalizeEx();
}
`

// TestEmbedded attaches to a program that has an interpreter within it: it is not started once
// more, and goes on, but does not run again.
func TestEmbedded(t *testing.T) {
	py := aPyenv(t, "3.12")
	dir, starts := tempDir(t), ""
	host, source, image := filepath.Join(dir, "host"), filepath.Join(dir, "host.c"), filepath.Join(dir, "i")
	starts = filepath.Join(dir, "starts")
	if err := os.WriteFile(source, []byte(hostProgram), 0o644); err != nil {
		t.Fatal(err)
	}
	flags := run(t, command{argv: []string{py + "-config", "--embed", "--cflags", "--ldflags"}}).must(t, "exit 0").Stdout
	gcc := append([]string{"gcc", "-o", host, source, "-DSTARTS=\"" + starts + "\""}, strings.Fields(flags)...)
	gcc = append(gcc, "-Wl,-rpath,"+filepath.Join(filepath.Dir(filepath.Dir(py)), "lib"))
	run(t, command{argv: gcc}).must(t, "exit 0")
	tg, err := startReady(exec.Command(host, "one", "two"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tg.kill() })
	o := attach(t, tg.pid(), image).must(t, "exit 0")
	if !strings.Contains(o.Stdout, "it cannot run again: an interpreter that another program has within it") {
		t.Error(o.Stdout)
	}
	log := newRunLog(t)
	resumed := run(t, command{argv: []string{binary, "run", "--resume", image}, env: []string{log.env()}, stdin: "\n"})
	if resumed.must(t, "exit 0"); resumed.Stderr != "" {
		t.Error(resumed)
	}
	log.thawed(t, 1)
	if text, err := os.ReadFile(starts); err != nil || string(text) != "one two \n" {
		t.Errorf("its starts: %q, %v", text, err)
	}
	// Run in another way it is the plain program, with the words that are given.
	pyfreeze(t, "run", image, "three").must(t, "exit 0")
	if text, err := os.ReadFile(starts); err != nil || string(text) != "one two \nthree \n" {
		t.Errorf("its starts: %q, %v", text, err)
	}
}
