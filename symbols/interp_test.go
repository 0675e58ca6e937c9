package symbols

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// debianPython is the interpreter whose DWARF comes with python3.11-dbg.
const debianPython = "/usr/bin/python3.11"

// interp is an interpreter on this machine: the program, and the file with its code.
type interp struct{ name, exe, module string }

// interps lists those that there are; extra ones come from pyenv.
func interps(t testing.TB) []interp {
	t.Helper()
	var out []interp
	if _, err := os.Stat(debianPython); err == nil {
		out = append(out, interp{"debian-3.11", debianPython, debianPython})
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Logf("no home directory: %v", err)
		return out
	}
	libs, _ := filepath.Glob(filepath.Join(home, ".pyenv/versions/3.*/lib/libpython3.*.so.1.0")) // the pattern is fine
	for _, lib := range libs {
		dir := filepath.Dir(filepath.Dir(lib))
		v := filepath.Base(dir)
		if slices.Contains([]string{"3.6", "3.7"}, v[:3]) {
			continue
		}
		out = append(out, interp{v, filepath.Join(dir, "bin", "python3"), lib})
	}
	if len(libs) == 0 {
		t.Log("no pyenv versions here: only Debian's interpreter is tested")
	}
	if len(out) == 0 {
		t.Skip("no interpreter with debug information on this machine")
	}
	return out
}

// layouts builds each interpreter's layout once for all tests.
var layouts = map[string]*Layout{}

func layoutOf(t testing.TB, in interp) *Layout {
	t.Helper()
	if l := layouts[in.module]; l != nil {
		return l
	}
	f := openT(t, in.module)
	l := layoutT(t, f)
	layouts[in.module] = l
	return l
}

// python runs code in a clean interpreter.
func python(t testing.TB, exe, code string) string {
	t.Helper()
	cmd := exec.Command(exe, "-I", "-S", "-c", code)
	cmd.Env = cleanEnv()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", exe, err)
	}
	return string(out)
}

func cleanEnv() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		return len(v) > 6 && v[:6] == "PYTHON"
	})
}
