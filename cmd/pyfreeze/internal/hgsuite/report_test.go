package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLauncherLog(t *testing.T) {
	long := `{"outcome":"plain","why":"` + strings.Repeat("x", maxLogLine) + `"}`
	text := strings.Join([]string{
		`{"outcome":"thawed","args":["status"]}`,
		`{"outcome":"plain","why":"an extension","args":["log","-l1"]}`,
		`{"outcome":"plain","why":"an extension","args":["id"]}`,
		``,
		`{"image":"hg.pyfreeze","pid":4712,"thawed":true,"reason":""}`,
		`{"image":"hg.pyfreeze","pid":4713,"thawed":false,"reason":"locale"}`,
		`{"outcome":"melted"}`,
		`not JSON`,
		long,
		`{"outcome":"thawed"}`,
		`{"outcome":"tha`, // the writer was killed
	}, "\n")
	got, err := readLauncherLog(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	wantPlain := map[string]*fallback{
		"an extension": {Count: 2, Example: []string{"log", "-l1"}},
		"locale":       {Count: 1},
	}
	if got.Thawed != 3 || got.invocations() != 6 || got.Malformed != 4 {
		t.Errorf("thawed %d, invocations %d, malformed %d: want 3, 6, 4", got.Thawed, got.invocations(), got.Malformed)
	}
	if diff := cmp.Diff(wantPlain, got.Plain); diff != "" {
		t.Errorf("fallbacks (-want +got):\n%s", diff)
	}
	for i, start := range []string{"line 7: outcome", "line 8:", "line 9: longer", "line 11:"} {
		if !strings.HasPrefix(got.Samples[i], start) {
			t.Errorf("sample %d is %q, not %q...", i, got.Samples[i], start)
		}
	}
}

func TestLauncherLogIsBounded(t *testing.T) {
	var b strings.Builder
	for i := range 3 * maxReasons {
		fmt.Fprintf(&b, `{"outcome":"plain","why":"pid %d"}`+"\n", i)
	}
	got, err := readLauncherLog(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Plain) != maxReasons+1 || got.Plain[otherReasons].Count != 2*maxReasons {
		t.Errorf("%d reasons, %d others", len(got.Plain), got.Plain[otherReasons].Count)
	}
}

func TestResultOfRunTests(t *testing.T) {
	text := []byte(`testreport ={"test-a.t": {"csys": "0.5", "cuser": "1.5", "diff": "-x\n+y\n", "end": "2", "result": "failure", "start": "0", "time": "2.25"},
		"test-b.t": {"csys": "0", "cuser": "0", "diff": "", "result": "skip", "time": "0.1"},
		"test-c.t": {"result": "skip"}}`)
	a, b := record{Case: "test-a.t"}, record{Case: "test-b.t"}
	if err := a.fromJSON(text, ""); err != nil || a.Result != failed || a.Seconds != 2.25 || a.CPU != 2 || a.Detail != "-x\n+y\n" {
		t.Errorf("%+v, %v", a, err)
	}
	if err := b.fromJSON(text, "s\nSkipped test-b.t: missing feature: x\n"); err != nil || b.Detail != "missing feature: x" {
		t.Errorf("%+v, %v", b, err)
	}
	for _, bad := range []string{"test-c.t", "test-none.t"} {
		if err := (&record{Case: bad}).fromJSON(text, ""); err == nil {
			t.Errorf("%s has no times and gave no error", bad)
		}
	}
}

// A state that was cut short in a line goes on after it, and a report shows what is off, what is missing.
func TestStateAndReport(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.jsonl")
	sides := []side{{name: "plain", id: "p"}, {name: "hg", id: "h", logs: true}}
	st, err := openState(path)
	if err != nil {
		t.Fatal(err)
	}
	put := func(id, name, result string, seconds float64, log *tally) {
		if err := st.put(record{Side: id, Case: name, Result: result, Seconds: seconds, CPU: seconds, Log: log}); err != nil {
			t.Fatal(err)
		}
	}
	put("p", "test-same.t", passed, 10, nil)
	put("h", "test-same.t", passed, 5, &tally{Thawed: 9, Plain: map[string]*fallback{"locale": {Count: 1}}})
	put("p", "test-off.t", passed, 1, nil)
	put("h", "test-off.t", failed, 1, nil)
	put("p", "test-half.t", passed, 1, nil)
	st.close()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(f, `{"side":"h","case":"test-half.t","resu`)
	f.Close()
	if st, err = openState(path); err != nil {
		t.Fatal(err)
	}
	cases := []string{"test-same.t", "test-off.t", "test-half.t"}
	r := newReport("1", account{}, sides, cases, st)
	if r.good() || r.rows[0].off() || !r.rows[1].off() || r.rows[2].whole() {
		t.Errorf("%+v", r.rows)
	}
	var out strings.Builder
	r.summary(&out)
	for _, want := range []string{"DIFFERS test-off.t: plain success hg failure", "0.50 and 0.50 of plain", "9 thawed, 90.0 %", "1 plain: locale", "differ from plain hg: 1", "1 of 2"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	put("h", "test-half.t", passed, 1, nil)
	st.close()
	if st, err = openState(path); err != nil {
		t.Fatal(err)
	}
	defer st.close()
	if _, found := st.get(sides[1], "test-half.t"); !found {
		t.Error("what was added after a line cut short is lost")
	}
}

// The list that make runs is one that can be read, with no case twice.
func TestSample(t *testing.T) {
	f, err := os.Open("../../../../testdata/hg-sample.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cases, err := readList(f)
	if err != nil || len(cases) < 90 || len(cases) > 120 {
		t.Errorf("%d cases, %v", len(cases), err)
	}
	for _, bad := range []string{"test-a.t\ntest-a.t\n", "--help\n", "test-a.t test-b.t\n", "test-/../x\n"} {
		if _, err := readList(strings.NewReader(bad)); err == nil {
			t.Errorf("%q is a list", bad)
		}
	}
}
