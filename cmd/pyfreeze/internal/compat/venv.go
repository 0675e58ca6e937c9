package main

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// pins is where the versions of each virtual environment are, from the project's directory.
const pins = "testdata/compat"

// venvs is where testdata/setup.sh makes the virtual environments.
func venvs() string {
	if os.Geteuid() == 0 {
		return "/var/cache/pyfreeze-test/compat"
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "pyfreeze-test/compat")
}

// errAbsent is of a program whose interpreter is not on this machine.
var errAbsent = errors.New("no virtual environment of it here")

// findVenv gives a virtual environment that setup.sh has made.
func findVenv(name string) (string, error) {
	dir := filepath.Join(venvs(), name)
	if _, err := os.Stat(filepath.Join(dir, "pins.txt")); err != nil {
		return "", fmt.Errorf("%w: %s (testdata/setup.sh compat makes it where the interpreter is)", errAbsent, dir)
	}
	return dir, nil
}

// pinned gives the version of a package of a virtual environment.
func pinned(venv, wheel string) (string, error) {
	path := filepath.Join(venv, "pins.txt")
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if name, v, ok := strings.Cut(strings.TrimSpace(line), "=="); ok && strings.EqualFold(name, wheel) {
			return v, nil
		}
	}
	return "", fmt.Errorf("%s: no %s in it", path, wheel)
}

// ownVenv copies a virtual environment, for a program into which packages are installed. Links
// would be faster, but another link to a file changes its time of change, which images of others
// keep.
func ownVenv(ctx context.Context, venv, to string) error {
	out, err := exec.CommandContext(ctx, "cp", "-a", "--reflink=auto", venv, to).CombinedOutput()
	if err != nil {
		return fmt.Errorf("cp: %w: %s", err, out)
	}
	bin := filepath.Join(to, "bin")
	scripts, err := os.ReadDir(bin)
	if err != nil {
		return err
	}
	for _, s := range scripts {
		path := filepath.Join(bin, s.Name())
		text, err := os.ReadFile(path)
		if err != nil || !s.Type().IsRegular() || !strings.HasPrefix(string(text), "#!"+venv) {
			continue // a link to the interpreter, or a program that is none of Python
		}
		if err := os.Remove(path); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte("#!"+to+strings.TrimPrefix(string(text), "#!"+venv)), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// install puts a package of such files into a virtual environment, as pip does.
func install(ctx context.Context, venv, dir, version string, files map[string]string) error {
	wheel := filepath.Join(dir, "compatplugin-"+version+"-py3-none-any.whl")
	if err := writeWheel(wheel, version, files); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(venv, "bin/python"), "-m", "pip", "install", "-q", "--no-index", "--no-deps",
		"--disable-pip-version-check", wheel)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w: %s", cmd.Args, err, out)
	}
	return nil
}

// writeWheel packs files; entry_points.txt is that of the package.
func writeWheel(path, version string, files map[string]string) error {
	info := "compatplugin-" + version + ".dist-info/"
	all := map[string]string{
		info + "METADATA": "Metadata-Version: 2.1\nName: compatplugin\nVersion: " + version + "\n",
		info + "WHEEL":    "Wheel-Version: 1.0\nGenerator: compat\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
	}
	for name, text := range files {
		if name == "entry_points.txt" {
			name = info + name
		}
		all[name] = text
	}
	var record strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&record, "%s,,\n", name)
	}
	all[info+"RECORD"] = record.String() + info + "RECORD,,\n"

	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	z := zip.NewWriter(f)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		w, err := z.Create(name)
		if err != nil {
			return err
		}
		if _, err := w.Write([]byte(all[name])); err != nil {
			return err
		}
	}
	return z.Close()
}
