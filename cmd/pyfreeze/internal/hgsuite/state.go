package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
)

// The three results that run-tests.py knows.
const (
	passed  = "success"
	skipped = "skip"
	failed  = "failure"
)

// record is what one case gave with one side.
type record struct {
	Side    string  `json:"side"` // side.id
	Case    string  `json:"case"`
	Result  string  `json:"result"`
	Seconds float64 `json:"seconds"` // wall time
	CPU     float64 `json:"cpu"`     // seconds, of all the case's processes
	Detail  string  `json:"detail,omitempty"`
	Log     *tally  `json:"log,omitempty"` // nil: nothing was logged
}

type stateKey struct{ side, name string }

// state holds all results, in a file to which each is added when it is there. Safe for concurrent use.
type state struct {
	mu      sync.Mutex
	file    *os.File
	records map[stateKey]record
}

// openState reads the results kept so far. The last of two for the same side and case holds; a line cut
// short by a crash is dropped.
func openState(path string) (*state, error) {
	s := &state{records: make(map[stateKey]record)}
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	s.load(old)
	if s.file, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644); err != nil {
		return nil, err
	}
	if len(old) > 0 && old[len(old)-1] != '\n' {
		_, err = io.WriteString(s.file, "\n")
	}
	return s, err
}

func (s *state) load(text []byte) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, len(text)+1)
	for lines.Scan() {
		var r record
		if json.Unmarshal(lines.Bytes(), &r) == nil && r.Case != "" {
			s.records[stateKey{r.Side, r.Case}] = r
		}
	}
}

func (s *state) close() error { return s.file.Close() }

// get gives a side's result for a case, if there is one.
func (s *state) get(side side, name string) (record, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, found := s.records[stateKey{side.id, name}]
	return r, found
}

// put keeps a result, in the file too.
func (s *state) put(r record) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records[stateKey{r.Side, r.Case}] = r
	if _, err := s.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("keeping the result of %s: %w", r.Case, err)
	}
	return nil
}

// forget makes a case run again with all sides.
func (s *state) forget(sides []side, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, side := range sides {
		delete(s.records, stateKey{side.id, name})
	}
}
