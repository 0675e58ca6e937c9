package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

const plainHg = "/usr/bin/hg"

// side is one of the executables compared.
type side struct {
	name string // "plain" or "hg", a column's head
	path string // what the suite is given
	id   string // what results are kept under: another build of hg, or of the executable, is another side
	logs bool   // it may be a launcher, that writes to PYFREEZE_LOG
}

// newSides gives plain hg and, if hg is not empty, that one.
func newSides(dir string, src source, hg string, user account) ([]side, error) {
	plain := side{name: "plain", path: plainHg}
	sides := []*side{&plain}
	if hg != "" {
		path, err := exec.LookPath(hg)
		if err != nil {
			return nil, err
		}
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return nil, err
		}
		if path, err = filepath.Abs(path); err != nil {
			return nil, err
		}
		sides = append(sides, &side{name: "hg", path: path, logs: true})
	}
	var all []side
	for _, s := range sides {
		text, err := os.ReadFile(s.path)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(text)
		hash := hex.EncodeToString(sum[:8])
		s.id = s.name + " " + src.version + " " + hash
		if err := s.stage(filepath.Join(dir, "bin-"+hash), text); err != nil {
			return nil, err
		}
		if err := user.mayRead(s.path); err != nil {
			return nil, err
		}
		all = append(all, *s)
	}
	return all, nil
}

// pythonScript is what Python can run: its own scripts, and launchers of pyfreeze.
var pythonScript = regexp.MustCompile(`^#!(.*python|.*\n# pyfreeze launcher)`)

// stage sees to it that the executable lies next to a Python script named hg. The suite takes the
// executable's directory for hg's, and a few tests run "$PYTHON" "$BINDIR"/hg: an ELF file or a shell
// script of that name would make them fail. (For an executable of another name the suite makes a link
// named hg, first on PATH.)
func (s *side) stage(bin string, text []byte) error {
	if filepath.Base(s.path) == "hg" {
		if pythonScript.Match(text) {
			return nil
		}
	} else if neighbour, err := os.ReadFile(filepath.Join(filepath.Dir(s.path), "hg")); err == nil && pythonScript.Match(neighbour) {
		return nil
	}
	script, err := os.ReadFile(plainHg)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	launcher := filepath.Join(bin, "hg-under-test")
	for path, content := range map[string][]byte{launcher: text, filepath.Join(bin, "hg"): script} {
		if err := replaceFile(path, content); err != nil {
			return fmt.Errorf("copying %s: %w", s.path, err)
		}
	}
	s.path = launcher
	return nil
}

// replaceFile leaves a file alone that has the content already: its times and inode may be part of what a
// launcher checks, and another run may be using it.
func replaceFile(path string, content []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, content) {
		return nil
	}
	fresh := path + ".new"
	if err := os.WriteFile(fresh, content, 0o755); err != nil {
		return err
	}
	if err := os.Chmod(fresh, 0o755); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}
