package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// knownException is what a target knows of an exception.
type knownException struct {
	Type           string
	Args           string
	Notes          []string
	Frames         [][2]any
	Cause, Context *knownException
}

// compare checks an exception with what the target knows of it.
func (k *knownException) compare(t *testing.T, where string, x *shownException) {
	t.Helper()
	if (k == nil) != (x == nil) {
		t.Errorf("%s: %+v, not %+v", where, x, k)
	}
	if k == nil || x == nil {
		return
	}
	var want, got []string
	for _, f := range k.Frames {
		want = append(want, f[0].(string)+":"+strconv.Itoa(int(f[1].(float64))))
	}
	for _, f := range x.Frames {
		got = append(got, f.Function[strings.LastIndexByte(f.Function, '.')+1:]+":"+strconv.Itoa(f.Line))
	}
	args := strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(k.Args, "("), ")"), ",")
	if !strings.HasSuffix(x.Type, k.Type) || !slices.Equal(want, got) || !slices.Equal(k.Notes, x.Notes) || !strings.HasSuffix(x.Repr, k.Type+"("+args+")") {
		t.Errorf("%s: %s %s %v %q, not %s %s %v %q", where, x.Type, x.Repr, got, x.Notes, k.Type, k.Args, want, k.Notes)
	}
	k.Cause.compare(t, where+", cause", x.Cause)
	k.Context.compare(t, where+", context", x.Context)
}

// TestInspectException compares handled exceptions with sys.exc_info() and the traceback module
// inside the target.
func TestInspectException(t *testing.T) {
	for _, py := range inspectedPythons(t) {
		var want map[string]*knownException
		tg := startTelling(t, "exceptions.py", py, tempDir(t), &want)
		o := pyfreeze(t, "inspect", "threads", "--exception", "--json", strconv.Itoa(tg.pid())).must(t, "exit 0")
		var got struct{ Threads []shownThread }
		if err := json.Unmarshal([]byte(o.Stdout), &got); err != nil {
			t.Fatal(err)
		}
		seen := 0
		for _, th := range got.Threads {
			k, ok := want[th.Name]
			if !ok {
				continue
			}
			seen++
			var x *shownException
			if len(th.Exceptions) > 0 {
				x = th.Exceptions[0]
			}
			k.compare(t, py+", "+th.Name, x)
		}
		if seen != len(want) {
			t.Errorf("%s: %d of %d threads", py, seen, len(want))
		}
	}
}

// TestInspectGreenlets looks at greenlets that are switched out, where the library is here.
func TestInspectGreenlets(t *testing.T) {
	if exec.Command(python, "-c", "import greenlet").Run() != nil {
		t.Skip("greenlet is not here")
	}
	dir := tempDir(t)
	script := filepath.Join(dir, "g.py")
	source := "import greenlet, time\nmain = greenlet.getcurrent()\ndef inner(conn):\n    main.switch()\ndef waiter(conn): inner(conn)\n" +
		"g = [greenlet.greenlet(waiter) for i in range(3)]\nfor i, x in enumerate(g): x.switch('conn-%d' % i)\nprint('ready', flush=True)\ntime.sleep(1000)\n"
	if err := os.WriteFile(script, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	tg, err := startProgram(script, "", targetOptions{dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tg.cmd.Process.Kill(); _ = tg.cmd.Wait() }() // reports the kill
	o := pyfreeze(t, "inspect", "tasks", strconv.Itoa(tg.pid())).must(t, "exit 0")
	for _, want := range []string{"line 4, in inner", "line 5, in waiter", "conn = 'conn-0'", "conn = 'conn-2'"} {
		if !strings.Contains(o.Stdout, want) {
			t.Errorf("no %q in\n%s", want, o.Stdout)
		}
	}
}
