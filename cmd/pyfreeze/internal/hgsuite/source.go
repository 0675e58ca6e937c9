package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"pyfreeze/cmd/pyfreeze/internal/aptsource"
)

// source is an unpacked source package of the mercurial that is installed.
type source struct {
	version string // Debian's, of the source package
	tree    string
}

func (s source) tests() string { return filepath.Join(s.tree, "tests") }

// fetchSource gives the source of the installed mercurial, from dir if it is there, else by apt.
func fetchSource(ctx context.Context, dir string) (source, error) {
	out, err := exec.CommandContext(ctx, "dpkg-query", "-W", "-f", "${source:Package} ${source:Version}", "mercurial").Output()
	if err != nil {
		return source{}, fmt.Errorf("mercurial is not installed (testdata/setup.sh installs it): %w", err)
	}
	pkg, version, _ := strings.Cut(string(out), " ")
	src := source{version: version, tree: filepath.Join(dir, "mercurial-"+version)}
	if _, err := os.Stat(filepath.Join(src.tests(), "run-tests.py")); err == nil {
		return src, nil
	}
	fmt.Printf("fetching the source of mercurial %s\n", version)
	work := filepath.Join(dir, "apt")
	if err := os.RemoveAll(work); err != nil {
		return source{}, err
	}
	defer os.RemoveAll(work)
	if err := aptsource.Download(ctx, work, pkg+"="+version); err != nil {
		return source{}, err
	}
	return src, unpack(ctx, work, src.tree)
}

// unpack unpacks the one .dsc in work; tree appears only when it is whole.
func unpack(ctx context.Context, work, tree string) error {
	found, err := filepath.Glob(filepath.Join(work, "*.dsc"))
	if err != nil || len(found) != 1 {
		return fmt.Errorf("%d source packages in %s where one was fetched", len(found), work)
	}
	// apt has checked the files' hashes; the packager's signature adds nothing to that.
	fresh := filepath.Join(work, "tree")
	if err := aptsource.Run(ctx, work, "dpkg-source", "--no-check", "-x", found[0], fresh); err != nil {
		return err
	}
	if err := aptsource.Run(ctx, work, "chmod", "-R", "a+rX", fresh); err != nil {
		return err
	}
	return os.Rename(fresh, tree)
}

func tail(s string, most int) string {
	if len(s) > most {
		s = "..." + s[len(s)-most:]
	}
	return strings.TrimRight(s, "\n")
}
