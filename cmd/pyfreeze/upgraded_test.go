package main

import (
	"debug/elf"
	elfbytes "encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// An upgraded interpreter: the tests freeze a Python that runs from a copy of the executable, then
// change the copy.

// copyOfPython makes a copy of the interpreter that finds the same standard library.
func copyOfPython(t testing.TB) string {
	t.Helper()
	path := filepath.Join(tempDir(t), "python3.11")
	copyFile(t, path, python, 0o755)
	return path
}

// frozenCopy freezes a target that runs on its own copy of the interpreter.
func frozenCopy(t *testing.T) (copied, image string) {
	t.Helper()
	copied = copyOfPython(t)
	tg := newTarget(t, "blocked", targetOptions{python: copied})
	image = filepath.Join(tempDir(t), "i")
	attach(t, tg.pid(), image).must(t, "exit 0")
	thawsWell(t, image)
	return copied, image
}

// otherBuildID changes the build-id in a copy of an ELF file, leaving all else alone.
func otherBuildID(t testing.TB, path string) {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	note := f.Section(".note.gnu.build-id")
	if note == nil {
		t.Fatal("no build-id")
	}
	last := int64(note.Offset + note.Size - 1)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[last] ^= 0xff
	// A new file, as a package manager makes it; the old one may be running.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
}

// fallsBack runs an image that does not fit any more: the plain command runs, silently unless -v.
func fallsBack(t *testing.T, image, reason string) {
	t.Helper()
	log := newRunLog(t)
	o := run(t, command{argv: []string{binary, "run", image, "one", "two"}, env: []string{log.env()}})
	if o.Status != "exit 0" || o.Stdout != plainReport || o.Stderr != "" {
		t.Errorf("want the plain command's output, got %v", o)
	}
	log.fellBack(t, reason)
	o = run(t, command{argv: []string{binary, "run", "-v", image, "one", "two"}}).must(t, "exit 0")
	if o.Stdout != plainReport || !strings.Contains(o.Stderr, reason) {
		t.Errorf("-v does not say %q: %v", reason, o)
	}
}

func TestRunWithOtherBuildID(t *testing.T) {
	copied, image := frozenCopy(t)
	info, err := os.Stat(copied)
	if err != nil {
		t.Fatal(err)
	}
	otherBuildID(t, copied)
	// Size and time as before: only the inode tells.
	if err := os.Chtimes(copied, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	fallsBack(t, image, copied)
}

func TestRunWithUpgradedPython(t *testing.T) {
	copied, image := frozenCopy(t)
	data, err := os.ReadFile(copied)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(copied); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(copied, append(data, 0), 0o755); err != nil {
		t.Fatal(err)
	}
	fallsBack(t, image, copied)
}

func TestRunWithoutPython(t *testing.T) {
	copied, image := frozenCopy(t)
	if err := os.Remove(copied); err != nil {
		t.Fatal(err)
	}
	pyfreeze(t, "run", image, "one").must(t, "exit 125").oneLine(t, copied)
}

// TestRunWithChangedModule edits a source file that the image has imported.
func TestRunWithChangedModule(t *testing.T) {
	dir := tempDir(t)
	for _, name := range []string{"target.py", "warmed.py"} {
		copyFile(t, filepath.Join(dir, name), program(name), 0o644)
	}
	tg, err := startProgram(filepath.Join(dir, "target.py"), "blocked", targetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(tempDir(t), "i")
	attach(t, tg.pid(), image).must(t, "exit 0")
	if err := tg.finish(); err != nil {
		t.Fatal(err)
	}
	thawsWell(t, image)
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "warmed.py"), later, later); err != nil {
		t.Fatal(err)
	}
	fallsBack(t, image, "warmed.py")
}

// TestAttachWithoutDebugInformation attaches to a build of which nobody has DWARF: the layouts that pyfreeze ships serve, and info says so.
func TestAttachWithoutDebugInformation(t *testing.T) {
	copied := copyOfPython(t)
	otherBuildID(t, copied)
	tg := newTarget(t, "blocked", targetOptions{python: copied})
	before := takeSnapshot(t, tg.pid())
	image := filepath.Join(tempDir(t), "i")
	attach(t, tg.pid(), image).must(t, "exit 0")
	waitSame(t, tg.pid(), before)
	if o := pyfreeze(t, "info", image).must(t, "exit 0"); !strings.Contains(o.Stdout, "known from the shipped layouts of CPython 3.11") {
		t.Errorf("info does not say where the structs are known from: %s", o.Stdout)
	}
	thawsWell(t, image)
}

// TestAttachUnknownBuild attaches to a build without DWARF whose _PyRuntime has a size that no known one has.
func TestAttachUnknownBuild(t *testing.T) {
	copied := copyOfPython(t)
	otherBuildID(t, copied)
	resizeSymbol(t, copied, "_PyRuntime", 8)
	tg := newTarget(t, "blocked", targetOptions{python: copied})
	before := takeSnapshot(t, tg.pid())
	dir := tempDir(t)
	o := attach(t, tg.pid(), filepath.Join(dir, "i")).must(t, "exit 9")
	o.oneLine(t, "debug")
	o.oneLine(t, "_PyRuntime has", "DEBUGINFOD_URLS")
	mustBeEmpty(t, dir)
	waitSame(t, tg.pid(), before)
}

// resizeSymbol changes the size of an exported symbol of a file.
func resizeSymbol(t testing.TB, path, name string, by uint64) {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	syms, err := f.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(syms, func(s elf.Symbol) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("%s has no symbol %s", path, name)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := f.Section(".dynsym").Offset + uint64(i+1)*elf.Sym64Size + 16 // the first symbol is none
	elfbytes.LittleEndian.PutUint64(data[at:], syms[i].Size+by)
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
}

// TestAttachReplacedExecutable attaches to a process whose executable was upgraded under it: an
// image of it could never be thawed.
func TestAttachReplacedExecutable(t *testing.T) {
	copied := copyOfPython(t)
	tg := newTarget(t, "blocked", targetOptions{python: copied})
	before := takeSnapshot(t, tg.pid())
	otherBuildID(t, copied)
	dir := tempDir(t)
	o := pyfreeze(t, "attach", fmt.Sprint(tg.pid()), "-o", filepath.Join(dir, "i"))
	if o.Status != "exit 4" {
		t.Errorf("want exit 4, got %v", o)
	}
	o.oneLine(t, copied)
	mustBeEmpty(t, dir)
	// The maps now say "(deleted)"; that is the replacing, not the attach.
	before.Maps = takeSnapshot(t, tg.pid()).Maps
	waitSame(t, tg.pid(), before)
}
