package main

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"pyfreeze/cmd/pyfreeze/internal/pythons"
)

// again runs this program in a mount namespace of its own, where it may hide files.
func again() (good bool, err error) {
	self, err := os.Executable()
	if err != nil {
		return false, err
	}
	cmd := exec.Command(self, append([]string{"-hidden"}, os.Args[1:]...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
	if err := cmd.Run(); err != nil {
		if _, ended := err.(*exec.ExitError); ended {
			return false, nil // it has said why
		}
		if errors.Is(err, unix.EPERM) {
			fmt.Println("stripped: absent: this process may have no mount namespace of its own")
			return true, nil
		}
		return false, err
	}
	return true, nil
}

// hide hides the debug information of an interpreter: the directory of detached files, and what its own files have. It lasts as long as
// the mount namespace.
func hide(in pythons.Interpreter) error {
	debug := filepath.Join(in.Root, "/usr/lib/debug")
	if _, err := os.Stat(debug); err == nil {
		if err := unix.Mount("none", debug, "tmpfs", 0, ""); err != nil {
			return fmt.Errorf("hiding %s: %w", debug, err)
		}
	}
	exe := filepath.Join(in.Root, in.Path)
	prefix := filepath.Dir(filepath.Dir(exe))
	files := []string{exe}
	for _, pattern := range []string{"lib/libpython3.*.so.1.0", "lib/python3.*/lib-dynload/*.so"} {
		found, _ := filepath.Glob(filepath.Join(prefix, pattern)) // the patterns are fine
		files = append(files, found...)
	}
	dir, err := os.MkdirTemp("", "stripped-")
	if err != nil {
		return err
	}
	if err := unix.Mount("none", dir, "tmpfs", 0, ""); err != nil { // gone with the namespace
		return err
	}
	for _, path := range files {
		if !hasDebugInfo(path) {
			continue
		}
		bare := filepath.Join(dir, filepath.Base(path))
		if out, err := exec.Command("strip", "--strip-all", "-o", bare, path).CombinedOutput(); err != nil {
			return fmt.Errorf("strip %s: %w: %s", path, err, out)
		}
		if err := unix.Mount(bare, path, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("hiding the debug information of %s: %w", path, err)
		}
	}
	return nil
}

// hasDebugInfo says whether a file has DWARF or a table of local symbols.
func hasDebugInfo(path string) bool {
	f, err := elf.Open(path)
	if err != nil {
		return false // a script, or a link to nothing
	}
	defer func() { _ = f.Close() }() // only read
	return f.Section(".debug_info") != nil || f.Section(".symtab") != nil
}
