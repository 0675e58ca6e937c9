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
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// suite is a Debian whose interpreters are tried: the python3 of the suite, and other versions that
// it has.
type suite struct {
	name   string
	others []string
}

var suites = []suite{{name: "trixie"}, {"sid", []string{"python3.15"}}}

// interpreters gives those of a suite, as if its tree were there.
func (s suite) interpreters(dir string) []Interpreter {
	root := filepath.Join(dir, s.name)
	out := []Interpreter{{Name: "Debian " + s.name, Root: root, Path: "/usr/bin/python3"}}
	for _, o := range s.others {
		out = append(out, Interpreter{Name: "Debian " + s.name + "'s " + o, Root: root, Path: "/usr/bin/" + o})
	}
	return out
}

// InTrees makes trees of other Debians below a directory, where they are not there yet, and mounts what programs in them need; undo
// takes that away. only, where it is given, is a word that their names have.
func InTrees(dir, only string) (out []Interpreter, undo func()) {
	var mounted []string
	undo = func() {
		for i := len(mounted) - 1; i >= 0; i-- {
			_ = unix.Unmount(mounted[i], unix.MNT_DETACH) // ours, and the end of the program
		}
	}
	for _, s := range suites {
		all := slices.DeleteFunc(s.interpreters(dir), func(in Interpreter) bool {
			return !strings.Contains(in.Name, only)
		})
		if len(all) == 0 {
			continue
		}
		made, err := inTree(s, dir)
		mounted = append(mounted, made...)
		for i := range all {
			if err != nil {
				all[i].Absent = err.Error()
			}
		}
		out = append(out, all...)
	}
	return out, undo
}

// inTree makes the tree of a suite, and mounts in it what programs need.
func inTree(s suite, dir string) (mounted []string, err error) {
	root := filepath.Join(dir, s.name)
	if err := makeTree(s, dir); err != nil {
		return nil, err
	}
	for _, m := range []struct {
		source, target, typ string
		flags               uintptr
	}{{"proc", "proc", "proc", 0}, {"/dev", "dev", "", unix.MS_BIND}, {"/dev/pts", "dev/pts", "", unix.MS_BIND},
		{"tmpfs", "dev/shm", "tmpfs", 0}} {
		target := filepath.Join(root, m.target)
		if err := unix.Mount(m.source, target, m.typ, m.flags, ""); err != nil {
			return mounted, fmt.Errorf("cannot mount %s: %w", target, err)
		}
		mounted = append(mounted, target)
	}
	return mounted, nil
}

// makeTree makes a tree, whole or not at all.
func makeTree(s suite, dir string) error {
	root := filepath.Join(dir, s.name)
	lacks := ""
	for _, in := range s.interpreters(dir) {
		if _, err := os.Stat(filepath.Join(root, in.Path)); err != nil {
			lacks = in.Path
		}
	}
	if lacks == "" {
		return nil
	}
	if _, err := os.Stat(root); err == nil { // it may have /dev mounted: not ours to remove
		return fmt.Errorf("the tree %s lacks %s: remove it, then it is made again", root, lacks)
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
	fmt.Fprintf(os.Stderr, "making a tree of Debian %s ...\n", s.name)
	fresh := root + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(root), 0o755); err != nil {
		return err
	}
	packages := []string{"python3", "python3-dbg", "mercurial"}
	for _, o := range s.others {
		packages = append(packages, o, o+"-dbg")
	}
	cmd := exec.Command("debootstrap", "--variant=minbase", "--include="+strings.Join(packages, ","), s.name, fresh, mirror)
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
