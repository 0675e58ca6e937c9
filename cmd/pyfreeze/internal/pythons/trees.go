// Package pythons finds the interpreters that the project's tools try: those of this machine, and those of newer Debians in trees that
// debootstrap makes.
package pythons

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// suites are the Debians whose interpreters are tried.
var suites = []string{"trixie", "sid"}

// InTrees makes trees of other Debians below a directory, where they are not there yet, and mounts what programs in them need; undo
// takes that away. only, where it is given, is a word that their names have.
func InTrees(dir, only string) (out []Interpreter, undo func()) {
	var mounted []string
	undo = func() {
		for i := len(mounted) - 1; i >= 0; i-- {
			_ = unix.Unmount(mounted[i], unix.MNT_DETACH) // ours, and the end of the program
		}
	}
	for _, suite := range suites {
		in := Interpreter{Name: "Debian " + suite, Root: filepath.Join(dir, suite), Path: "/usr/bin/python3"}
		if !strings.Contains(in.Name, only) {
			continue
		}
		if err := makeTree(suite, in.Root); err != nil {
			in.Absent = err.Error()
			out = append(out, in)
			continue
		}
		for _, m := range []struct {
			source, target, typ string
			flags               uintptr
		}{{"proc", "proc", "proc", 0}, {"/dev", "dev", "", unix.MS_BIND}, {"/dev/pts", "dev/pts", "", unix.MS_BIND},
			{"tmpfs", "dev/shm", "tmpfs", 0}} {
			target := filepath.Join(in.Root, m.target)
			if err := unix.Mount(m.source, target, m.typ, m.flags, ""); err != nil {
				in.Absent = fmt.Sprintf("cannot mount %s: %v", target, err)
				break
			}
			mounted = append(mounted, target)
		}
		out = append(out, in)
	}
	return out, undo
}

// makeTree makes a tree, whole or not at all.
func makeTree(suite, root string) error {
	if _, err := os.Stat(filepath.Join(root, "usr/bin/python3")); err == nil {
		return nil
	}
	if os.Getuid() != 0 {
		return errors.New("only root makes trees")
	}
	if _, err := exec.LookPath("debootstrap"); err != nil {
		return errors.New("debootstrap is not installed")
	}
	mirror, err := mirror()
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "making a tree of Debian %s ...\n", suite)
	fresh := root + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(root), 0o755); err != nil {
		return err
	}
	cmd := exec.Command("debootstrap", "--variant=minbase", "--include=python3,python3-dbg,mercurial", suite, fresh, mirror)
	if text, err := cmd.CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		return fmt.Errorf("debootstrap: %w: %s", err, lines[len(lines)-1])
	}
	return os.Rename(fresh, root)
}

// mirror gives the archive that this machine's own apt takes Debian from.
func mirror() (string, error) {
	out, err := exec.Command("apt-get", "indextargets", "--format", "$(ORIGIN) $(LABEL) $(REPO_URI)").Output()
	if err != nil {
		return "", fmt.Errorf("apt-get indextargets: %w", err)
	}
	for line := range bytes.Lines(out) {
		words := strings.Fields(string(line))
		if len(words) == 3 && words[0] == "Debian" && words[1] == "Debian" {
			return words[2], nil
		}
	}
	return "", errors.New("apt has no archive of Debian's")
}
