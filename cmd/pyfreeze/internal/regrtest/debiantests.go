package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// testsuite is Debian's package of what its libpython lacks of the package test.
const testsuite = "libpython3.11-testsuite"

// debianTests gives a directory with the whole package test of Debian's Python, made once: what is installed, and over it the files of the package. That is
// not installed, since apt would take the newest Python with it.
func debianTests(ctx context.Context, dir string) (string, error) {
	lib := filepath.Join(dir, "usr/lib/python3.11")
	if _, err := os.Stat(filepath.Join(lib, "test/test_dict.py")); err == nil {
		return lib, nil
	}
	fresh := dir + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return "", err
	}
	if err := os.CopyFS(filepath.Join(fresh, "usr/lib/python3.11/test"), os.DirFS("/usr/lib/python3.11/test")); err != nil {
		return "", err
	}
	get := exec.CommandContext(ctx, "apt-get", "download", testsuite)
	get.Dir = fresh
	if out, err := get.CombinedOutput(); err != nil {
		return "", fmt.Errorf("apt-get download %s: %w: %s (apt-get update may help, or -only without debian)", testsuite, err, out)
	}
	packages, err := filepath.Glob(filepath.Join(fresh, testsuite+"_*.deb"))
	if err != nil || len(packages) != 1 {
		return "", fmt.Errorf("apt-get download %s left %d files in %s", testsuite, len(packages), fresh)
	}
	if out, err := exec.CommandContext(ctx, "dpkg-deb", "-x", packages[0], fresh).CombinedOutput(); err != nil {
		return "", fmt.Errorf("dpkg-deb -x %s: %w: %s", packages[0], err, out)
	}
	return lib, os.Rename(fresh, dir)
}
