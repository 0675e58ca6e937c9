// Package staticpie makes interpreters that no package has: position-independent executables that hold the whole of CPython, for tests.
package staticpie

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const program = "int Py_BytesMain(int, char **);\nint main(int argc, char **argv) { return Py_BytesMain(argc, argv); }\n"

// FromLibrary links one from the static library that came with the interpreter python, if that was built with -fPIC, as for a shared libpython. It
// finds its standard library where python does.
func FromLibrary(ctx context.Context, python, out string) error {
	const ask = "import sysconfig; v = sysconfig.get_config_var; print(v('LIBPL') + '/' + v('LIBRARY')); print(v('LIBS') or '', v('SYSLIBS') or '', v('MODLIBS') or '')"
	text, err := output(ctx, "", python, "-I", "-c", ask)
	if err != nil {
		return err
	}
	library, libs, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if _, err := os.Stat(library); err != nil {
		return fmt.Errorf("%s came without a static library: %w", python, err)
	}
	return link(ctx, library, strings.Fields(libs), out)
}

func link(ctx context.Context, library string, libs []string, out string) error {
	dir := filepath.Dir(out)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	source := out + ".c"
	if err := os.WriteFile(source, []byte(program), 0o644); err != nil {
		return err
	}
	defer os.Remove(source)
	args := []string{"-g", "-fPIE", "-pie", "-o", out, source, "-Wl,--export-dynamic,--whole-archive", library, "-Wl,--no-whole-archive", "-lm", "-ldl", "-lpthread", "-lutil"}
	_, err := output(ctx, "", "gcc", append(args, libs...)...)
	return err
}

// output gives what a command prints; what it says otherwise is only in its error.
func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		lines := strings.Split(strings.TrimSpace(stderr.String()+out.String()), "\n")
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, lines[len(lines)-1])
	}
	return out.String(), nil
}
