package script

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pyfreeze/restore/internal/target"
)

// TestLearned has byte code that can be loaded, and of each kind that cannot.
func TestLearned(t *testing.T) {
	dir := t.TempDir()
	source := func(name string) Module {
		path := filepath.Join(dir, name+".py")
		if err := os.WriteFile(path, []byte("def f(n):\n    return n, 'x', 1.5\nVALUE = f("+name[:1]+"=1)\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return Module{Name: name, File: path,
			Cached: filepath.Join(dir, "__pycache__", name+".cpython-311.pyc")}
	}
	compiled := func(m Module, how string) {
		program := "import py_compile, sys; py_compile.compile(sys.argv[1], doraise=True, " +
			"invalidation_mode=py_compile.PycInvalidationMode." + how + ")"
		if out, err := exec.Command(target.Debian, "-c", program, m.File).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	good, none, hashed, stale, old, cut := source("good"), source("none"), source("hashed"),
		source("stale"), source("old"), source("cut")
	compiled(good, "TIMESTAMP")
	compiled(hashed, "CHECKED_HASH")
	compiled(stale, "TIMESTAMP")
	if err := os.Chtimes(stale.File, time.Now(), time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(old.Cached, make([]byte, 100), 0o644); err != nil {
		t.Fatal(err)
	}
	compiled(cut, "TIMESTAMP")
	if err := os.Truncate(cut.Cached, 40); err != nil {
		t.Fatal(err)
	}
	mods := []Module{good, none, hashed, stale, old, cut}
	code, err := Learned(t.Context(), target.Debian, nil, mods)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"", "no byte code", "by a hash", "older than its source",
		"of another Python", "no byte code"} {
		if (want == "") != (mods[i].Why == "") || !strings.Contains(mods[i].Why, want) {
			t.Errorf("%s: %q, want %q", mods[i].Name, mods[i].Why, want)
		}
	}
	const show = `
import marshal, sys
d = marshal.loads(sys.stdin.buffer.read())
for path, (data, code) in d.items():
    print(path == code.co_filename, marshal.loads(data) == code, code.co_consts[0].co_name, len(d))`
	cmd := exec.Command(target.Debian, "-c", show)
	cmd.Stdin = bytes.NewReader(code)
	out, err := cmd.Output()
	if err != nil || string(out) != "True True f 1\n" {
		t.Errorf("what is loaded: %s, %v", out, err)
	}
	if code, err := Learned(t.Context(), target.Debian, nil, []Module{none}); err != nil || len(code) > 0 {
		t.Errorf("of nothing: %d bytes, %v", len(code), err)
	}
}
