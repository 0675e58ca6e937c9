package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// tries are all runs of a module by an interpreter, by side.
type tries map[string][]try

func (s *suite) resultFile(module string) string { return filepath.Join(s.kept, module+".json") }

// load gives what is kept; none is no error.
func (s *suite) load(module string) (tries, error) {
	text, err := os.ReadFile(s.resultFile(module))
	if errors.Is(err, fs.ErrNotExist) {
		return tries{}, nil
	}
	if err != nil {
		return nil, err
	}
	t := tries{}
	if err := json.Unmarshal(text, &t); err != nil {
		return nil, fmt.Errorf("%s: %w (remove it, and the module runs again)", s.resultFile(module), err)
	}
	return t, nil
}

// save keeps results, whole or as they were.
func (s *suite) save(module string, t tries) error {
	text, err := json.MarshalIndent(t, "", " ")
	if err != nil {
		return err
	}
	fresh := s.resultFile(module) + ".new"
	if err := os.WriteFile(fresh, text, 0o644); err != nil {
		return err
	}
	return os.Rename(fresh, s.resultFile(module))
}

func (s *suite) forget(module string) error {
	if err := os.Remove(s.resultFile(s.module(module))); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
