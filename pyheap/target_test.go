package pyheap

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pyfreeze/procmem"
	"pyfreeze/symbols"
)

const python311 = "/usr/bin/python3.11"

// target is a real interpreter, stopped and captured.
type target struct {
	heap  *Heap
	maps  []procmem.Mapping
	lines []string // what it printed before it said READY
	pid   int
}

// start runs a script until it prints READY, stops it with SIGSTOP and captures it.
func start(t testing.TB, python string, args ...string) *target {
	t.Helper()
	tg := &target{}
	tg.pid, tg.lines = launch(t, python, args...)
	stop(t, tg.pid)
	tg.capture(t)
	return tg
}

// run starts a script, waits until it prints READY, and lets it go on.
func run(t testing.TB, python string, args ...string) (pid int) {
	t.Helper()
	pid, _ = launch(t, python, args...)
	return pid
}

func launch(t testing.TB, python string, args ...string) (pid int, lines []string) {
	t.Helper()
	if _, err := os.Stat(python); err != nil {
		t.Skipf("no interpreter: %v", err)
	}
	cmd := exec.Command(python, args...)
	cmd.Env = cleanEnv()
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		in.Close()
		_ = cmd.Wait() // reports the kill
	})
	sc := bufio.NewScanner(out)
	sc.Buffer(nil, 1<<24)
	for sc.Scan() {
		if sc.Text() == "READY" {
			return cmd.Process.Pid, lines
		}
		lines = append(lines, sc.Text())
	}
	t.Fatalf("the target did not get ready: %v\n%s", sc.Err(), strings.Join(lines, "\n"))
	return 0, nil
}

// stop stops the process once it waits for input, so that its heap is at rest.
func stop(t testing.TB, pid int) {
	t.Helper()
	for i := 0; ; i++ {
		if state(pid) == "S" {
			break
		}
		if i == 2000 {
			t.Fatal("the target does not come to rest")
		}
		time.Sleep(time.Millisecond)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for i := 0; state(pid) != "T"; i++ {
		if i == 2000 {
			t.Fatal("the target does not stop")
		}
		time.Sleep(time.Millisecond)
	}
}

func state(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return rest[:1]
}

func (tg *target) capture(t testing.TB) {
	t.Helper()
	live, err := procmem.OpenLive(tg.pid)
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	if tg.maps, err = procmem.ReadMaps(tg.pid); err != nil {
		t.Fatal(err)
	}
	sp, err := procmem.Capture(live, tg.maps, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sp.Close() })
	in, err := symbols.Identify(tg.maps, live)
	if err != nil {
		t.Fatal(err)
	}
	lay, err := symbols.LoadLayout(in.Module.File)
	if err != nil {
		t.Fatal(err)
	}
	if tg.heap, err = Open(sp, in, lay); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tg.heap.Close() })
}

func (tg *target) walk(t testing.TB) *Walk {
	t.Helper()
	w, err := tg.heap.Walk(WalkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func cleanEnv() []string {
	var env []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "PYTHON") {
			env = append(env, e)
		}
	}
	return env
}

func testdata(name string) string { return filepath.Join("testdata", name) }
