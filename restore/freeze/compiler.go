package freeze

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"pyfreeze/restore/refuse"
	"pyfreeze/restore/script"
)

// compiler returns the interpreter that compiles for the frozen one: in its own executable, where
// that is Python. A program that has an interpreter within it would start once more; for that it is
// the Python that lies beside its library, if that makes the same byte code.
func (f *freezing) compiler(ctx context.Context) (string, error) {
	if !f.embedded() {
		return f.copy.Interp.Exe, nil
	}
	name := fmt.Sprintf("python3.%d", f.copy.Interp.Version.Minor)
	dirs := []string{filepath.Join(filepath.Dir(f.copy.Interp.Module.File.Path), "..", "bin")}
	for _, prefix := range []string{"sys.base_exec_prefix", "sys.base_prefix"} {
		if a, err := f.heap.Lookup(prefix); err == nil {
			if dir, err := f.heap.Str(a); err == nil && filepath.IsAbs(dir) {
				dirs = append(dirs, filepath.Join(dir, "bin"))
			}
		}
	}
	magic := f.magic()
	for _, dir := range append(dirs, "/usr/bin", "/usr/local/bin") {
		exe := filepath.Join(dir, name)
		if magic == "" || !trusted(exe) || sameFile(exe, f.copy.Interp.Exe) {
			continue
		}
		if got, err := script.Magic(ctx, exe, f.start.Environ); err == nil && got == magic {
			return exe, nil
		}
	}
	return "", &refuse.Error{Offenders: []refuse.Offender{{
		What: "an interpreter that another program has within it, and no " + name +
			" of the same version is found",
		Remedy: "install it beside its library, or in /usr/bin",
	}}}
}

// magic tells byte code and version of the frozen interpreter, as script.Magic does; "" where that
// is not known.
func (f *freezing) magic() string {
	a, err := f.heap.Lookup("_frozen_importlib_external.MAGIC_NUMBER")
	if err != nil {
		return ""
	}
	b, err := f.heap.Bytes(a)
	v, err2 := f.heap.Lookup("sys.hexversion")
	if err != nil || err2 != nil {
		return ""
	}
	n, err := f.heap.Int(v)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%x %d", b, n)
}

// trusted says whether a program is root's or our own, and nobody else may write to it: where it
// lies the target has told.
func trusted(path string) bool {
	st, err := os.Stat(path)
	if err != nil || !st.Mode().IsRegular() || st.Mode().Perm()&0o022 != 0 {
		return false
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	return ok && (sys.Uid == 0 || int(sys.Uid) == os.Geteuid())
}

// sameFile says whether two paths lead to one file.
func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	y, err2 := os.Stat(b)
	return err == nil && err2 == nil && os.SameFile(x, y)
}
