package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// nobody is the user for whom root runs the suite: chmod means nothing to root, so that tests which take
// permissions away fail.
const nobody = 65534

// account is the user as whom the tests run.
type account struct {
	id   int
	drop bool // we are root and change to it
}

func ordinaryUser() account {
	if uid := os.Getuid(); uid != 0 {
		return account{id: uid}
	}
	return account{id: nobody, drop: true}
}

// apply makes cmd run as the account, with no other groups.
func (a account) apply(cmd *exec.Cmd) {
	if a.drop {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(a.id), Gid: uint32(a.id)}}
	}
}

// scratch makes a directory that the account owns; the caller removes it. Its name is short, as unix
// sockets of the tests lie in it.
func (a account) scratch() (string, error) {
	dir, err := os.MkdirTemp("/tmp", "hg")
	if err != nil || !a.drop {
		return dir, err
	}
	return dir, os.Chown(dir, a.id, a.id)
}

// owns gives the account a directory.
func (a account) owns(dir string) error {
	if !a.drop {
		return nil
	}
	return os.Chown(dir, a.id, a.id)
}

// mayRead tells whether the account gets at path, through all directories above it.
func (a account) mayRead(path string) error {
	cmd := exec.Command("/usr/bin/test", "-r", path)
	a.apply(cmd)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("user %d, as whom the tests run, cannot read %s: open its directories to all, or name another with -dir", a.id, path)
	}
	return nil
}

// workDirectory gives the directory to keep things in: the one asked for, or a cache directory that the
// tests' user can read (root's own is closed to others).
func workDirectory(asked string, a account) (string, error) {
	dir := asked
	if dir == "" && a.drop {
		dir = "/var/cache/pyfreeze-test"
	}
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("%w; name a directory with -dir", err)
		}
		dir = filepath.Join(cache, "pyfreeze-test")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o755)
}
