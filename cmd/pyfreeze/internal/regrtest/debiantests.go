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

// withTests are the packages that hold tests of the modules that are run.
var withTests = []string{"test", "ctypes", "unittest"}

// debianTests gives a directory for PYTHONPATH with the tests of Debian's Python, made once: what is installed of withTests, and over it the files of the
// package. That is not installed, since apt would take the newest Python with it.
func debianTests(ctx context.Context, dir string) (string, error) {
	lib := filepath.Join(dir, "usr/lib/python3.11")
	if _, err := os.Stat(filepath.Join(lib, "test/test_dict.py")); err == nil {
		return lib, nil
	}
	fresh := dir + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return "", err
	}
	for _, name := range withTests {
		if err := os.CopyFS(filepath.Join(fresh, "usr/lib/python3.11", name), os.DirFS(filepath.Join("/usr/lib/python3.11", name))); err != nil {
			return "", err
		}
	}
	if err := download(ctx, fresh); err != nil {
		return "", err
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

// download gets the package into dir; with lists of packages that are older than the archive, root gets new ones first.
func download(ctx context.Context, dir string) error {
	get := func() ([]byte, error) {
		cmd := exec.CommandContext(ctx, "apt-get", "download", testsuite)
		cmd.Dir = dir
		return cmd.CombinedOutput()
	}
	out, err := get()
	if err != nil && os.Getuid() == 0 {
		if out, err := exec.CommandContext(ctx, "apt-get", "update", "-q").CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get update: %w: %s", err, out)
		}
		out, err = get()
	}
	if err != nil {
		return fmt.Errorf("apt-get download %s: %w: %s (apt-get update may help, or -only without debian)", testsuite, err, out)
	}
	return nil
}
