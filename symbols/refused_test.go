package symbols

import (
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pyfreeze/procmem"
)

// freeThreaded is a program that begins _PyRuntime as an interpreter does (_Py_DebugOffsets): FREE
// tells which build, VERSION of what.
const freeThreaded = `#include <stdio.h>
struct { char cookie[8]; unsigned long version, free_threaded; char rest[4096]; } _PyRuntime = { "xdebugpy", VERSION, FREE, {0} };
int main(void) { puts("ready"); fflush(stdout); return getchar(); }
`

// TestFreeThreaded runs programs whose interpreter says that it has the GIL, or that it has none: only the latter is refused, by name. No package of
// Debian's has such an interpreter.
func TestFreeThreaded(t *testing.T) {
	for _, free := range []string{"0", "1"} {
		maps, live := memory(t, target(t, says(t, "-DFREE="+free, "-DVERSION=0x030d05f0")))
		in, err := Identify(maps, live)
		var not *NotPythonError
		switch {
		case free == "0" && err == nil:
			_ = in.Module.File.Close() // only read
			if in.Version.String() != "3.13.5" {
				t.Errorf("it is %v", in.Version)
			}
		case free == "1" && errors.As(err, &not) && strings.Contains(err.Error(), "free-threaded Python 3.13.5"):
		default:
			t.Errorf("free_threaded %s: %v, %v", free, in, err)
		}
	}
}

// says builds a program that says what interpreter it is.
func says(t *testing.T, what ...string) string {
	dir := t.TempDir()
	source, exe := filepath.Join(dir, "p.c"), filepath.Join(dir, "p")
	if err := os.WriteFile(source, []byte(freeThreaded), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append(what, "-rdynamic", "-o", exe, source)
	if out, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return exe
}

// TestOtherMachine has an executable of another machine, as an emulator maps it: it is refused by name.
func TestOtherMachine(t *testing.T) {
	text, err := os.ReadFile("/usr/bin/python3.11")
	if err != nil {
		t.Fatal(err)
	}
	for machine, name := range map[elf.Machine]string{elf.EM_AARCH64: "EM_AARCH64", elf.EM_RISCV: "EM_RISCV"} {
		const eMachine = 18
		text[eMachine], text[eMachine+1] = byte(machine), byte(machine>>8)
		path := filepath.Join(t.TempDir(), "python3.11")
		if err := os.WriteFile(path, text, 0o700); err != nil {
			t.Fatal(err)
		}
		_, err := Identify([]procmem.Mapping{{Range: procmem.Range{Start: 0x400000, End: 0x41f000}, Read: true, Exec: true, Path: path}}, nil)
		var not *NotPythonError
		if !errors.As(err, &not) || !strings.Contains(err.Error(), name) {
			t.Errorf("%v: %v", machine, err)
		}
	}
}
