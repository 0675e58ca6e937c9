package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"regexp"
	"strings"
)

// try is what one run of a module gave.
type try struct {
	Ended    string            `json:"ended"`
	Seconds  float64           `json:"seconds"`
	Pyfreeze string            `json:"pyfreeze,omitempty"` // hash of the binary that thawed
	Tests    map[string]string `json:"tests"`              // outcome by name
	Details  map[string]string `json:"details,omitempty"`  // of those that failed
}

// The outcomes of a test, worse ones later: a test that is reported several times has the worst.
var outcomes = []string{"skipped", "passed", "failed", "error"}

// maxDetail is how much of a failure's text is kept, its end.
const maxDetail = 2000

type testCase struct {
	Name    string    `xml:"name,attr"`
	Failure *struct{} `xml:"failure"`
	Error   *struct{} `xml:"error"`
	Skipped *struct{} `xml:"skipped"`
}

func (c testCase) outcome() int {
	switch {
	case c.Error != nil:
		return 3
	case c.Failure != nil:
		return 2
	case c.Skipped != nil:
		return 0
	}
	return 1
}

// read takes the tests from regrtest's report, and from what it printed the failures of subtests and of classes, which the report has not.
func (t *try) read(report, printed []byte) error {
	var root struct {
		Suites []struct {
			Cases []testCase `xml:"testcase"`
		} `xml:"testsuite"`
	}
	d := xml.NewDecoder(bytes.NewReader(report))
	d.Strict = false // tests print what XML forbids
	if err := d.Decode(&root); err != nil {
		return fmt.Errorf("regrtest's report: %w", err)
	}
	worst := map[string]int{}
	for _, suite := range root.Suites {
		for _, c := range suite.Cases {
			if c.Name == "" {
				continue // a test of which a subtest failed: printed
			}
			if old, ok := worst[c.Name]; !ok || old < c.outcome() {
				worst[c.Name] = c.outcome()
			}
		}
	}
	t.Tests, t.Details = map[string]string{}, map[string]string{}
	for name, outcome := range worst {
		t.Tests[name] = outcomes[outcome]
	}
	t.readFailures(printed)
	return nil
}

var (
	failureHead = regexp.MustCompile(`(?m)^={70}\n(ERROR|FAIL): (.+)\n`)
	failureEnd  = regexp.MustCompile(`(?m)^(={70}|-{70}\nRan \d+ tests?.*)$`)
	// dottedName is how unittest gives a test: `test_x (test.test_m.Class.test_x)`, before 3.11 without the last part, then perhaps a subtest.
	dottedName = regexp.MustCompile(`^(\S+) \(([\w.<>]+)\)(.*)$`)
	address    = regexp.MustCompile(`0x[0-9a-f]{6,}`)
)

// readFailures adds what is in the list of failures.
func (t *try) readFailures(printed []byte) {
	for _, at := range failureHead.FindAllSubmatchIndex(printed, -1) {
		name, outcome := string(printed[at[4]:at[5]]), "error"
		if string(printed[at[2]:at[3]]) == "FAIL" {
			outcome = "failed"
		}
		if m := dottedName.FindStringSubmatch(name); m != nil {
			name = m[2]
			if !strings.HasSuffix(name, "."+m[1]) {
				name += "." + m[1]
			}
			name += m[3]
		}
		name = address.ReplaceAllString(name, "0x...")
		text := printed[at[1]:]
		if end := failureEnd.FindIndex(text); end != nil {
			text = text[:end[0]]
		}
		text = text[max(0, len(text)-maxDetail):]
		t.Tests[name], t.Details[name] = outcome, strings.ToValidUTF8(string(text), "")
	}
}
