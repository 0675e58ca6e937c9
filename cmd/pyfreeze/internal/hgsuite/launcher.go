package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// installLauncher copies a build of pyfreeze to where the tests' user can run it and makes a launcher of plain hg with it. Builds have
// directories of their own, by hash: results are kept for each, and images are those of this build.
func installLauncher(ctx context.Context, dir, pyfreeze string, user account) (launcher string, err error) {
	binary, err := os.ReadFile(pyfreeze)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(binary)
	own := filepath.Join(dir, "pyfreeze-"+hex.EncodeToString(sum[:8]))
	if err := removeOthers(dir, own); err != nil {
		return "", err
	}
	for _, d := range []string{own, filepath.Join(own, "bin"), filepath.Join(own, "images")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return "", err
		}
		if err := user.owns(d); err != nil {
			return "", err
		}
	}
	if err := os.Chmod(filepath.Join(own, "images"), 0o700); err != nil {
		return "", err
	}
	if err := replaceFile(filepath.Join(own, "pyfreeze"), binary); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(own, "pyfreeze"), "install", plainHg, "--dir", filepath.Join(own, "bin"), "--cache", filepath.Join(own, "images"))
	cmd.Dir = own
	cmd.Env = []string{"HOME=" + own, "PATH=" + filepath.Join(own, "bin") + ":/usr/bin:/bin", "LANG=C.UTF-8"}
	user.apply(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("pyfreeze install: %w\n%s", err, out)
	}
	return filepath.Join(own, "bin", "hg"), nil
}

// removeOthers removes what earlier builds of pyfreeze have left.
func removeOthers(dir, own string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if path == own || !strings.HasPrefix(e.Name(), "pyfreeze-") && !strings.HasPrefix(e.Name(), "bin-") {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}
