package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// lockedFacts is what testdata/python/locked.py says of itself.
type lockedFacts struct {
	Addresses map[string]string
	Waits     [][3]string
	Circles   [][]string
	Tasks     map[string]string
}

func startLocked(t *testing.T, python string) (tg *target, dir string, facts lockedFacts) {
	t.Helper()
	dir = tempDir(t)
	file := filepath.Join(dir, "facts.json")
	var err error
	if tg, err = startProgram(program("locked.py"), file, targetOptions{python: python, dir: dir,
		env: []string{"DEADLOCK=1"}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tg.cmd.Process.Kill(); _ = tg.cmd.Wait() }) // it may have ended
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &facts); err != nil {
		t.Fatal(err)
	}
	return tg, dir, facts
}

// TestInspectLocks asks a process, its core file and its image who waits for whom.
func TestInspectLocks(t *testing.T) {
	for _, py := range inspectedPythons(t) {
		tg, dir, facts := startLocked(t, py)
		pid := strconv.Itoa(tg.pid())
		asked := pyfreeze(t, "inspect", "locks", "--json", pid).must(t, "exit 1")
		asked.oneLine(t, "deadlock")
		var told shownLocks
		if err := json.Unmarshal([]byte(asked.Stdout), &told); err != nil {
			t.Fatal(err)
		}
		if len(told.Deadlocks) != len(facts.Circles) {
			t.Errorf("%s: %d deadlocks, want %v", py, len(told.Deadlocks), facts.Circles)
		}
		for _, want := range facts.Waits {
			if !slices.ContainsFunc(told.Locks, func(l shownLock) bool {
				return l.Addr == facts.Addresses[want[1]] && l.Path != "" &&
					slices.ContainsFunc(l.Waiters,
						func(p shownParty) bool {
							return p.Name == want[0] && p.Method == want[2] &&
								(p.At != "" || p.Task != "")
						})
			}) {
				t.Errorf("%s: nothing is told of %v", py, want)
			}
		}
		if text := pyfreeze(t, "inspect", "locks", pid).must(t,
			"exit 1").Stdout; !strings.HasPrefix(text, "DEADLOCK of ") {
			t.Errorf("%s:\n%s", py, text)
		}
		var threads struct{ Threads []shownThread }
		inspectJSON(t, &threads, "threads", "--no-locals", pid)
		for _, want := range facts.Waits {
			i := slices.IndexFunc(threads.Threads,
				func(x shownThread) bool { return x.Name == want[0] })
			if _, task := facts.Tasks[want[0]]; !task && (threads.Threads[i].Waits == nil ||
				threads.Threads[i].Waits.Addr != facts.Addresses[want[1]]) {
				t.Errorf("%s: thread %q waits for %+v, want %s", py, want[0],
					threads.Threads[i].Waits, want[1])
			}
		}
		for _, x := range threads.Threads {
			// select until 3.10
			calls := map[string]string{"MainThread": "read", "holder": "nanosleep pselect6",
				"loop": "epoll_wait"}
			if want := calls[x.Name]; want != "" && (x.Call == nil || !strings.Contains(want,
				strings.TrimPrefix(x.Call.Name, "clock_"))) {
				t.Errorf("%s: thread %q is in %+v, want %s", py, x.Name, x.Call, want)
			}
		}
		prefix := filepath.Join(dir, "gcore")
		run(t, command{argv: []string{"gcore", "-o", prefix, pid}}).must(t, "exit 0")
		others := []string{prefix + "." + pid}
		if py == python {
			image := filepath.Join(dir, "image")
			attach(t, tg.pid(), image, "--allow", "thread,lock,asyncio,epoll,socket,pipe").must(t,
				"exit 0")
			others = append(others, image)
		}
		for _, other := range others {
			if o := pyfreeze(t, "inspect", "locks", "--json", other).must(t,
				"exit 1"); o.Stdout != asked.Stdout {
				t.Errorf("%s: of %s\n%s\nof the process\n%s", py, other, o.Stdout, asked.Stdout)
			}
		}
	}
}
