// Package aptsource gets source packages of Debian's from the archives that the machine's own apt uses.
package aptsource

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

// Download gets a source package into work with lists and a cache of apt's that are ours alone, so that any user
// may do it and the machine's apt stays as it is. options are further words for apt-get source.
func Download(ctx context.Context, work, pkg string, options ...string) error {
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
	updated := Run(ctx, work, "apt-get", append(own, "update")...)
	if err := Run(ctx, work, "apt-get", append(append(own, "source", "--download-only", pkg), options...)...); err != nil {
		return fmt.Errorf("no source package %s (an outdated package? upgrade it): %w", pkg, errors.Join(err, updated))
	}
	return nil
}

// Run runs a command; what it says is only in its error.
func Run(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		said := strings.TrimRight(out.String(), "\n")
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, said[max(0, len(said)-2000):])
	}
	return nil
}
