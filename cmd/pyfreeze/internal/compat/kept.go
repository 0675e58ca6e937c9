package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// kept holds what came of all programs, in a file that a run interrupted goes on from.
type kept struct {
	path string
	rows map[string]row
}

// keptIn reads the file; there may be none yet.
func keptIn(path string) (*kept, error) {
	k := &kept{path: path, rows: map[string]row{}}
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return k, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &k.rows); err != nil {
		return nil, fmt.Errorf("%s (remove it to begin anew): %w", path, err)
	}
	return k, nil
}

// put keeps one more.
func (k *kept) put(r row) error {
	k.rows[r.Name] = r
	text, err := json.MarshalIndent(k.rows, "", "\t")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(k.path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(k.path+".new", text, 0o644); err != nil {
		return err
	}
	return os.Rename(k.path+".new", k.path)
}

// digest tells one binary from another.
func digest(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", sha256.Sum256(text))[:12], nil
}
