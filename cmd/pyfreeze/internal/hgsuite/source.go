package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
	if err := download(ctx, work, pkg+"="+version); err != nil {
		return source{}, err
	}
	return src, unpack(ctx, work, src.tree)
}

// download gets a source package with lists and a cache of apt's that are ours alone, so that any user
// may do it and the machine's apt stays as it is.
func download(ctx context.Context, work, pkg string) error {
	parts, lists, cache := filepath.Join(work, "sources"), filepath.Join(work, "lists"), filepath.Join(work, "cache")
	for _, d := range []string{parts, filepath.Join(lists, "partial"), filepath.Join(cache, "archives", "partial")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	if err := deriveSources(ctx, parts); err != nil {
		return err
	}
	own := []string{
		"-q", "-o", "Dir::Etc::SourceList=/dev/null", "-o", "Dir::Etc::SourceParts=" + parts,
		"-o", "Dir::State::Lists=" + lists, "-o", "Dir::Cache=" + cache,
		// apt's own user could not write to our directories.
		"-o", "APT::Sandbox::User=root",
	}
	// A repository without sources makes update fail and does not matter: only the package counts.
	updated := runQuiet(ctx, work, "apt-get", append(own, "update")...)
	if err := runQuiet(ctx, work, "apt-get", append(own, "source", "--download-only", pkg)...); err != nil {
		return fmt.Errorf("no source package %s (an outdated package? apt-get install mercurial): %w", pkg, errors.Join(err, updated))
	}
	return nil
}

// unpack unpacks the one .dsc in work; tree appears only when it is whole.
func unpack(ctx context.Context, work, tree string) error {
	found, err := filepath.Glob(filepath.Join(work, "*.dsc"))
	if err != nil || len(found) != 1 {
		return fmt.Errorf("%d source packages in %s where one was fetched", len(found), work)
	}
	// apt has checked the files' hashes; the packager's signature adds nothing to that.
	fresh := filepath.Join(work, "tree")
	if err := runQuiet(ctx, work, "dpkg-source", "--no-check", "-x", found[0], fresh); err != nil {
		return err
	}
	if err := runQuiet(ctx, work, "chmod", "-R", "a+rX", fresh); err != nil {
		return err
	}
	return os.Rename(fresh, tree)
}

// runQuiet shows a command's output only in its error.
func runQuiet(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, tail(out.String(), 2000))
	}
	return nil
}

func tail(s string, most int) string {
	if len(s) > most {
		s = "..." + s[len(s)-most:]
	}
	return strings.TrimRight(s, "\n")
}
