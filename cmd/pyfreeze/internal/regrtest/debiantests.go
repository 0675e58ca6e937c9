package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// withTests are the packages that hold tests of the modules that are run, where they are there: test_ctypes and test_unittest were in the other two until 3.12.
var withTests = []string{"test", "ctypes", "unittest"}

// debianTests makes PYTHONPATH a directory with the tests of a Debian Python, made once: what is installed of withTests, and over it the files of the
// package lib*-testsuite. That is not installed, since apt would take the newest Python with it.
func (in *interpreter) debianTests(ctx context.Context) error {
	cache, err := cacheDirectory()
	if err != nil {
		return err
	}
	dir := filepath.Join(cache, "debian-tests") // in the tree
	python := filepath.Base(in.path)
	testsuite := "lib" + python + "-testsuite"
	lib := filepath.Join(dir, "usr/lib", python)
	in.env = append(in.env, "PYTHONPATH="+lib)
	if _, err := os.Stat(filepath.Join(in.root, lib, "test/test_dict.py")); err == nil {
		return nil
	}
	fresh := dir + ".new"
	outside := filepath.Join(in.root, fresh)
	if err := os.RemoveAll(outside); err != nil {
		return err
	}
	for _, name := range withTests {
		from := filepath.Join(in.root, "/usr/lib", python, name)
		if err := os.CopyFS(filepath.Join(outside, "usr/lib", python, name), os.DirFS(from)); err != nil {
			return err
		}
	}
	if err := in.download(ctx, fresh, testsuite); err != nil {
		return err
	}
	packages, err := filepath.Glob(filepath.Join(outside, testsuite+"_*.deb"))
	if err != nil || len(packages) != 1 {
		return fmt.Errorf("apt-get download %s left %d files in %s", testsuite, len(packages), outside)
	}
	cmd := in.command(ctx, "dpkg-deb", "-x", filepath.Join(fresh, filepath.Base(packages[0])), fresh)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("dpkg-deb -x %s: %w: %s", packages[0], err, out)
	}
	return os.Rename(outside, filepath.Join(in.root, dir))
}

// download gets a package into dir; with lists of packages that are older than the archive, root gets new ones first.
func (in *interpreter) download(ctx context.Context, dir, name string) error {
	get := func() ([]byte, error) {
		cmd := in.command(ctx, "apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", name)
		cmd.Dir = dir
		return cmd.CombinedOutput()
	}
	out, err := get()
	if err != nil && os.Getuid() == 0 {
		if out, err := in.command(ctx, "apt-get", "-q", "update").CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get update: %w: %s", err, out)
		}
		out, err = get()
	}
	if err != nil {
		return fmt.Errorf("apt-get download %s: %w: %s (apt-get update may help, or -only without debian)", name, err, out)
	}
	return nil
}
