package snapshot

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pyfreeze/procmem"
	"pyfreeze/restore/internal/target"
	"pyfreeze/symbols"
)

// TestEvalLoopWithoutSymbols finds all of the eval loop, also the part that the compiler has put
// elsewhere, in an interpreter whose symbol table is gone, and nothing else.
func TestEvalLoopWithoutSymbols(t *testing.T) {
	exe, err := filepath.EvalSymlinks(target.Debian)
	if err != nil {
		t.Fatal(err)
	}
	known := openFile(t, exe)
	names, err := symbols.LoadLayout(known)
	if err != nil {
		t.Fatal(err)
	}
	bare := filepath.Join(t.TempDir(), filepath.Base(exe))
	// Without its build-id no debug information of elsewhere is found either.
	out, err := exec.Command("objcopy", "--strip-all", "-R", ".note.gnu.build-id", "-R", ".gnu_debuglink",
		exe, bare).CombinedOutput()
	if err != nil {
		t.Fatalf("objcopy: %v: %s", err, out)
	}
	f := openFile(t, bare)
	lay, err := symbols.LoadLayout(f)
	if err != nil {
		t.Fatal(err)
	}
	c := &Command{in: &symbols.Interpreter{Module: symbols.Module{File: f}, Exe: bare}}
	c.UseLayout(lay)
	loop := f.Parts(mustDynsym(t, f, evalLoop))
	checked, inside := 0, 0
	// Every byte within the parts, and around them, is what the symbol table says.
	for _, r := range loop {
		const around = 4096
		for at := r.Start - around; at < r.End+around; at += 7 {
			sym, _, ok := names.SymbolAt(at)
			if !ok {
				continue
			}
			want := strings.HasPrefix(sym.Name, evalLoop)
			if got := c.inEvalLoop(uint64(at)); got != want {
				t.Fatalf("%v of %s: %t", at, sym.Name, got)
			}
			checked++
			if want {
				inside++
			}
		}
	}
	if inside < 2000 || checked-inside < 500 {
		t.Errorf("%d addresses were compared, %d of the eval loop", checked, inside)
	}
	for _, name := range []string{"PyObject_Call", "PyEval_EvalCode", "PyMarshal_ReadObjectFromString"} {
		if c.inEvalLoop(uint64(mustDynsym(t, f, name))) {
			t.Errorf("%s is said to be of the eval loop", name)
		}
	}
}

func openFile(t *testing.T, path string) *symbols.File {
	t.Helper()
	f, err := symbols.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() }) // only read
	return f
}

func mustDynsym(t *testing.T, f *symbols.File, name string) procmem.Addr {
	t.Helper()
	sym, ok := f.Dynsym(name)
	if !ok {
		t.Fatalf("%s does not export %s", f.Path, name)
	}
	return sym.Addr
}
