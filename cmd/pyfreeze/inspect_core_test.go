package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// crash gives the core file that the kernel writes of crash.py.
func crash(t *testing.T, python, filter string) string {
	t.Helper()
	pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	if err != nil || strings.ContainsAny(string(pattern), "|/") {
		t.Skipf("core files do not go to the working directory here (core_pattern %q)", pattern)
	}
	dir := tempDir(t)
	c := exec.Command("sh", "-c", `echo "$1" >/proc/self/coredump_filter; ulimit -c unlimited; exec "$2" "$3"`, "sh", filter, python, program("crash.py"))
	c.Dir = dir
	if out, err := c.CombinedOutput(); err == nil {
		t.Fatalf("it did not crash: %s", out)
	}
	found, _ := filepath.Glob(filepath.Join(dir, "core*")) // the pattern is fine
	if len(found) != 1 {
		t.Skipf("core files: %q", found)
	}
	return found[0]
}

// TestInspectCrash looks at what the kernel writes of a crash, whole, compressed, cut short and
// without memory.
func TestInspectCrash(t *testing.T) {
	for _, py := range inspectedPythons(t) {
		core := crash(t, py, "0x33")
		o := pyfreeze(t, "inspect", "threads", "--json", core).must(t, "exit 0")
		var got struct{ Threads []shownThread }
		if err := json.Unmarshal([]byte(o.Stdout), &got); err != nil {
			t.Fatal(err)
		}
		for _, th := range got.Threads {
			crashed := th.Signal != nil
			if crashed != th.Main || crashed && (th.Signal.Name != "SIGSEGV" || th.Signal.Addr != "0x8" || th.Signal.Number != 11) {
				t.Errorf("%s: thread %d, main %v, got %+v", py, th.Tid, th.Main, th.Signal)
			}
		}
		if s := pyfreeze(t, "inspect", "summary", core).must(t, "exit 0").Stdout; !strings.Contains(s, "SIGSEGV at 0x8") {
			t.Errorf("summary:\n%s", s)
		}
		text := pyfreeze(t, "inspect", "threads", core).must(t, "exit 0").Stdout

		data, err := os.ReadFile(core)
		if err != nil {
			t.Fatal(err)
		}
		short := filepath.Join(tempDir(t), "short")
		for _, less := range []int{4096, 65536, 262144, len(data) / 4, len(data) / 2} {
			if err := os.WriteFile(short, data[:len(data)-less], 0o600); err != nil {
				t.Fatal(err)
			}
			o := pyfreeze(t, "inspect", "threads", short)
			if !strings.Contains(o.Stderr, "cut short") || less <= 65536 && (o.Status != "exit 0" || !strings.Contains(o.Stdout, "in deliver")) {
				t.Errorf("%s, without its last %d bytes: %v", py, less, o)
			}
		}
		none := crash(t, py, "0")
		o = pyfreeze(t, "inspect", "threads", none).must(t, "exit 10")
		o.oneLine(t, "coredump_filter", "SIGSEGV at 0x8")
		if py != python {
			continue
		}
		for _, by := range []string{"zstd", "lz4", "xz", "gzip", "bzip2"} {
			if _, err := exec.LookPath(by); err != nil {
				t.Logf("no %s here", by)
				continue
			}
			packed := filepath.Join(tempDir(t), "core")
			run(t, command{argv: []string{"sh", "-c", by + ` -c <"$1" >"$2"`, "sh", core, packed}}).must(t, "exit 0")
			if o := pyfreeze(t, "inspect", "threads", packed).must(t, "exit 0"); o.Stdout != text {
				t.Errorf("%s: %s\nnot\n%s", by, o.Stdout, text)
			}
		}
	}
}
