package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// quick are modules that take a second or two each.
var quick = strings.Fields("test_dict test_struct test_collections test_functools test_typing test_json test_datetime test_ctypes test_hashlib test_random")

// TestDebian runs a few modules with Debian's interpreter, plain and thawed: the same outcome, test by test.
func TestDebian(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	o := options{pyfreeze: os.Getenv("PYFREEZE_TEST_BINARY"), imports: "../../../../testdata/python/imports.py", dir: dir, modules: quick}
	var err error
	if o.imports, err = filepath.Abs(o.imports); err != nil {
		t.Fatal(err)
	}
	if o.pyfreeze == "" {
		o.pyfreeze = filepath.Join(dir, "pyfreeze")
		if out, err := exec.Command("go", "build", "-ldflags", "-E pyfreeze/restore/stub.entry", "-o", o.pyfreeze, "../..").CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, out)
		}
	}
	found, undo, err := interpreters(ctx, "debian")
	defer undo()
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 {
		t.Fatal("Debian's python3.11 is not here: testdata/setup.sh installs it")
	}
	c, err := runInterpreter(ctx, o, found[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range quick {
		cell := c.cells[m]
		if cell == nil {
			t.Errorf("%s: not in the tests of %s", m, found[0].version)
			continue
		}
		if cell.tests < 20 || cell.count[thawed]["passed"] < cell.tests/2 {
			t.Errorf("%s: %s", m, cell)
		}
		for _, d := range cell.differ {
			t.Errorf("%s: %s\n%s", m, d, d.detail)
		}
	}
}

// TestCompare finds what differs in results that were made up, and only that.
func TestCompare(t *testing.T) {
	one := func(ended string, tests map[string]string) try { return try{Ended: ended, Tests: tests} }
	in := interpreter{name: "3.11"}
	c := compare(in, "test_x", tries{
		plain:  {one("exit status 0", map[string]string{"a": "passed", "b": "passed", "c": "passed", "d": "failed"})},
		thawed: {one("signal: segmentation fault", map[string]string{"a": "passed", "b": "skipped", "d": "failed", "e": "passed"})},
	})
	var got []string
	for _, d := range c.differ {
		got = append(got, d.String())
	}
	want := "b: passed, skipped when thawed; c: passed, absent when thawed; e: absent, passed when thawed; " +
		"the process: exit status 0, signal: segmentation fault when thawed"
	if strings.Join(got, "; ") != want || len(c.now) != 0 {
		t.Errorf("differences %q, now and then %v, want %q", strings.Join(got, "; "), c.now, want)
	}
	good, bad := one("exit status 0", map[string]string{"a": "passed"}), one("exit status 2", map[string]string{"a": "failed"})
	c = compare(in, "test_x", tries{plain: {good, good, good}, thawed: {bad, good, good}})
	if len(c.differ) != 0 || len(c.now) != 2 || c.now[0].test != "a" {
		t.Errorf("a test that failed once: differences %v, now and then %v", c.differ, c.now)
	}
	bads := tries{plain: {good, good, good}, thawed: {bad, good, bad}}
	if c = compare(in, "test_x", bads); len(c.differ) != 2 || len(c.now) != 0 {
		t.Errorf("a test that failed twice: differences %v, now and then %v", c.differ, c.now)
	}
	if c = compare(in, "test_x", tries{plain: {one("exit status 1", nil)}, thawed: {one("exit status 1", nil)}}); len(c.differ) != 1 {
		t.Errorf("no results: differences %v", c.differ)
	}
	was := explanations
	defer func() { explanations = was }()
	any := regexp.MustCompile("")
	explanations = []explanation{{any, "test_x", any, "why"}, {any, "test_x", regexp.MustCompile("^b$"), "gone"}}
	if c = compare(in, "test_x", bads); len(c.differ) != 0 || len(c.explained) != 2 || len(c.stale) != 1 || c.stale[0].reason != "gone" {
		t.Errorf("explained %v, differences %v, no difference any more %v", c.explained, c.differ, c.stale)
	}
}

// TestRead takes outcomes from a report, and the failures of subtests from what was printed.
func TestRead(t *testing.T) {
	report := `<testsuites><testsuite><testcase name="test.test_x.C.test_a"/><testcase name="test.test_x.C.test_b"><skipped>why</skipped></testcase>` +
		`<testcase name="test.test_x.C.test_c"><error>E</error></testcase><testcase/></testsuite></testsuites>`
	line := strings.Repeat("=", 70) + "\n"
	printed := line + "ERROR: test_c (test.test_x.C)\n" + strings.Repeat("-", 70) + "\nE\n\n" + line + "FAIL: test_d (test.test_x.C.test_d) (i=<O at 0x7f1234567890>)\n" +
		strings.Repeat("-", 70) + "\nF\n\n" + strings.Repeat("-", 70) + "\nRan 4 tests in 1.0s\n"
	var got try
	if err := got.read([]byte(report), []byte(printed)); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"test.test_x.C.test_a": "passed", "test.test_x.C.test_b": "skipped", "test.test_x.C.test_c": "error",
		"test.test_x.C.test_d (i=<O at 0x...>)": "failed"}
	if len(got.Tests) != len(want) {
		t.Errorf("tests %v, want %v", got.Tests, want)
	}
	for name, outcome := range want {
		if got.Tests[name] != outcome {
			t.Errorf("%s: %q, want %q", name, got.Tests[name], outcome)
		}
	}
	if !strings.Contains(got.Details["test.test_x.C.test_c"], "E") || strings.Contains(got.Details["test.test_x.C.test_c"], "F") {
		t.Errorf("details %q", got.Details)
	}
}
