package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"pyfreeze/cmd/pyfreeze/internal/cmdserver"
)

const (
	hgPath     = "/usr/bin/hg"
	chgPath    = "/usr/bin/chg"
	pythonPath = "/usr/bin/python3.11"
)

// workspace is a temporary directory with a small repository, an image and an environment of its
// own, so that nothing of the user's (hgrc, chg server) is measured or touched.
type workspace struct {
	dir, repo, image, log string
	pyfreeze              string
	env                   []string
}

func newWorkspace(pyfreeze string) (*workspace, error) {
	dir, err := os.MkdirTemp("", "pyfreeze-bench-")
	if err != nil {
		return nil, err
	}
	w := &workspace{
		dir: dir, repo: filepath.Join(dir, "repo"), image: filepath.Join(dir, "hg.pyfreeze"),
		log: filepath.Join(dir, "runs.jsonl"), pyfreeze: pyfreeze,
		env: []string{
			"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + dir, "LANG=C.UTF-8", "TZ=UTC",
			"HGRCPATH=/dev/null", "HGUSER=pyfreeze",
			// chg makes its socket's directory private and wants it short.
			"CHGSOCKNAME=" + filepath.Join(dir, "chg", "server"), "CHGHG=" + hgPath,
			"PYFREEZE_LOG=" + filepath.Join(dir, "runs.jsonl"),
		},
	}
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "chg"), 0o700), w.makeRepo()); err != nil {
		w.remove()
		return nil, err
	}
	return w, nil
}

// makeRepo makes 50 files and 5 commits, the repository that all published numbers are for.
func (w *workspace) makeRepo() error {
	if err := w.quiet(w.dir, hgPath, "init", w.repo); err != nil {
		return err
	}
	for rev := range 5 {
		for i := range 50 {
			text := fmt.Sprintf("file %d\nrevision %d\n", i, rev)
			if err := os.WriteFile(filepath.Join(w.repo, fmt.Sprintf("f%d.txt", i)), []byte(text), 0o644); err != nil {
				return err
			}
		}
		if err := w.quiet(w.repo, hgPath, "commit", "-qA", "-d", "0 0", "-m", fmt.Sprintf("revision %d", rev)); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(w.repo, "untracked.txt"), nil, 0o644)
}

// startServer starts the hg that is to be frozen and warms it up.
func (w *workspace) startServer() (*cmdserver.Server, error) {
	s, err := cmdserver.Start(cmdserver.Options{HG: hgPath, Dir: w.repo, Env: w.env})
	if err != nil {
		return nil, err
	}
	if err := s.Warm(3); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (w *workspace) freeze() error {
	s, err := w.startServer()
	if err != nil {
		return err
	}
	attach := w.quiet(w.repo, w.pyfreeze, "attach", fmt.Sprint(s.PID()), "-o", w.image)
	return errors.Join(attach, s.Close())
}

// command builds a command with the workspace's environment.
func (w *workspace) command(dir string, argv ...string) *exec.Cmd {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = dir, w.env
	return cmd
}

// quiet runs a command and gives its output only in the error.
func (w *workspace) quiet(dir string, argv ...string) error {
	if out, err := w.command(dir, argv...).CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w: %s", argv, err, out)
	}
	return nil
}

// checkAllThawed makes sure that no measured run fell back to the plain command.
func (w *workspace) checkAllThawed() error {
	data, err := os.ReadFile(w.log)
	if err != nil {
		return fmt.Errorf("no log of the thaws: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	for dec.More() {
		var entry struct {
			Thawed bool   `json:"thawed"`
			Reason string `json:"reason"`
		}
		if err := dec.Decode(&entry); err != nil {
			return fmt.Errorf("%s: %w", w.log, err)
		}
		if !entry.Thawed {
			return fmt.Errorf("a measured run fell back to plain hg: %s", entry.Reason)
		}
	}
	return nil
}

// remove ends chg's server, if one was started, and removes the directory.
func (w *workspace) remove() {
	_ = w.command(w.dir, chgPath, "--kill-chg-daemon").Run()
	_ = os.RemoveAll(w.dir)
}
