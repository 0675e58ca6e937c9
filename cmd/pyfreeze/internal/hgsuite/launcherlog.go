package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	maxLogLine = 1 << 20
	// A launcher whose reasons hold paths or numbers must not make a tally without end.
	maxReasons   = 200
	maxMalformed = 5
	otherReasons = "(further reasons)"
)

// fallback counts the invocations that ran as plain hg for one reason.
type fallback struct {
	Count   int      `json:"count"`
	Example []string `json:"example,omitempty"` // the arguments of the first
}

// tally is what a launcher's log says of a number of invocations.
type tally struct {
	Thawed int                  `json:"thawed"`
	Plain  map[string]*fallback `json:"plain,omitempty"` // by reason
	// Malformed counts lines that are not what a launcher writes; Samples tells what is wrong with some.
	Malformed int      `json:"malformed,omitempty"`
	Samples   []string `json:"samples,omitempty"`
}

// readLauncherLog reads one JSON object a line. Lines that are none are counted; err is the reader's own.
func readLauncherLog(in io.Reader) (*tally, error) {
	t := &tally{}
	lines := bufio.NewReaderSize(in, 1<<16)
	for n := 1; ; n++ {
		line, tooLong, err := readLine(lines)
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return t, err
		case tooLong:
			t.addMalformed(n, fmt.Errorf("longer than %d bytes", maxLogLine))
		case strings.TrimSpace(line) != "":
			if wrong := t.addLine(line); wrong != nil {
				t.addMalformed(n, wrong)
			}
		}
		if err != nil {
			return t, nil
		}
	}
}

// readLine drops, and reports, a line that is too long. At the end err is io.EOF, beside a last line that
// nothing ends.
func readLine(in *bufio.Reader) (line string, tooLong bool, err error) {
	var b []byte
	for {
		part, err := in.ReadSlice('\n')
		if len(b)+len(part) > maxLogLine {
			tooLong, b = true, nil
		}
		if !tooLong {
			b = append(b, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return string(b), tooLong, err
		}
	}
}

func (t *tally) addMalformed(n int, wrong error) {
	t.Malformed++
	if len(t.Samples) < maxMalformed {
		t.Samples = append(t.Samples, fmt.Sprintf("line %d: %v", n, wrong))
	}
}

// addLine counts one line of a launcher (outcome, why) or of `pyfreeze run` (thawed, reason).
func (t *tally) addLine(line string) error {
	var entry struct {
		Outcome string   `json:"outcome"`
		Why     string   `json:"why"`
		Args    []string `json:"args"`
		Thawed  *bool    `json:"thawed"`
		Reason  string   `json:"reason"`
	}
	if err := json.Unmarshal([]byte(line), &entry); err != nil {
		return err
	}
	if entry.Outcome == "" && entry.Thawed != nil {
		entry.Outcome, entry.Why = "plain", entry.Reason
		if *entry.Thawed {
			entry.Outcome = "thawed"
		}
	}
	switch entry.Outcome {
	case "thawed":
		t.Thawed++
	case "plain":
		why := entry.Why
		if why == "" {
			why = "(no reason given)"
		}
		t.addFallback(why, fallback{Count: 1, Example: entry.Args})
	default:
		return fmt.Errorf("outcome %q is neither thawed nor plain", entry.Outcome)
	}
	return nil
}

func (t *tally) addFallback(why string, f fallback) {
	if t.Plain == nil {
		t.Plain = make(map[string]*fallback)
	}
	if t.Plain[why] == nil && len(t.Plain) >= maxReasons {
		why = otherReasons
	}
	if have := t.Plain[why]; have != nil {
		have.Count += f.Count
		return
	}
	t.Plain[why] = &f
}

// add adds what another log says, of the case given.
func (t *tally) add(other *tally, of string) {
	t.Thawed += other.Thawed
	for why, f := range other.Plain {
		t.addFallback(why, *f)
	}
	t.Malformed += other.Malformed
	for _, s := range other.Samples {
		if len(t.Samples) < maxMalformed {
			t.Samples = append(t.Samples, of+": "+s)
		}
	}
}

// invocations counts those that the log tells of.
func (t *tally) invocations() int {
	n := t.Thawed
	for _, f := range t.Plain {
		n += f.Count
	}
	return n
}
