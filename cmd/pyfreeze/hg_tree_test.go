package main

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tree describes every file below root: its mode and the hash of its content.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			files[name] = "-> " + to
			return err
		case !d.Type().IsRegular():
			files[name] = info.Mode().String()
			return nil
		}
		data, err := os.ReadFile(path)
		files[name] = fmt.Sprintf("%v %d %s", info.Mode(), info.Size(), contentOf(name, data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// contentOf is what two runs must agree on: everything, except the times that a dirstate holds.
func contentOf(name string, data []byte) string {
	switch base := filepath.Base(name); {
	case strings.HasSuffix(base, "dirstate") && len(data) >= 40:
		// Version 1: two parents of 20 bytes, then entries with modification times. `hg status -A`,
		// run afterwards, compares the entries.
		return fmt.Sprintf("parents %x", data[:40])
	case strings.HasSuffix(base, "fncache"):
		// A set, written in the order of string hashes, which Python makes anew for each process.
		lines := strings.Split(string(data), "\n")
		slices.Sort(lines)
		return fmt.Sprint(lines)
	case strings.Contains(name, "/wcache/"):
		// Probes of the file system, and manifests cached by access time.
		return "not compared"
	}
	return fmt.Sprintf("%x", sha256.Sum256(data))
}

// sameTrees compares directories with the first one, and all repositories directly in them.
func sameTrees(t *testing.T, plain string, others ...string) {
	t.Helper()
	// All files first: hg, which looks at the repositories below, writes caches.
	want := tree(t, plain)
	for _, other := range others {
		if diff := cmp.Diff(want, tree(t, other)); diff != "" {
			t.Errorf("the files after plain (-) and %s (+) differ:\n%s", filepath.Base(other), diff)
		}
	}
	repos, err := filepath.Glob(filepath.Join(plain, "*", ".hg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, repo := range repos {
		name := filepath.Base(filepath.Dir(repo))
		for _, args := range [][]string{
			{"verify"}, {"status", "-A"}, {"bookmarks"}, {"paths"},
			{"log", "--hidden", "--debug", "-p"},
		} {
			look := func(root string) outcome {
				o := run(t, command{argv: append([]string{hgPath}, args...), dir: filepath.Join(root, name), env: []string{"HGRCPATH=/dev/null"}})
				o.Stdout = strings.ReplaceAll(o.Stdout, root, "ROOT")
				return o
			}
			want := look(plain)
			for _, other := range others {
				same(t, want, look(other))
			}
		}
	}
}
