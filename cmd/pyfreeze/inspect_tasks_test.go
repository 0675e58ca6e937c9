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

// startTelling starts a program that writes into a file what it knows of itself, and reads that. It
// is ended with the test.
func startTelling(t *testing.T, name, py, dir string, facts any) *target {
	t.Helper()
	path := filepath.Join(dir, "facts")
	tg, err := startProgram(program(name), path, targetOptions{python: py, dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tg.cmd.Process.Kill(); _ = tg.cmd.Wait() }) // reports the kill
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, facts); err != nil {
		t.Fatal(err)
	}
	return tg
}

// TestInspectTasks compares tasks with what asyncio and cr_await say inside the target, of a
// process and of its core.
func TestInspectTasks(t *testing.T) {
	for _, py := range inspectedPythons(t) {
		dir := tempDir(t)
		var want map[string][][]any
		tg := startTelling(t, "tasks.py", py, dir, &want)
		pid := strconv.Itoa(tg.pid())
		core := filepath.Join(dir, "core")
		run(t, command{argv: []string{"gcore", "-o", core, pid}}).must(t, "exit 0")
		for _, target := range []string{pid, core + "." + pid} {
			o := pyfreeze(t, "inspect", "tasks", "--json", target).must(t, "exit 0")
			var got shownTasks
			if err := json.Unmarshal([]byte(o.Stdout), &got); err != nil {
				t.Fatal(err)
			}
			if len(got.Tasks) != len(want)+1 {
				t.Errorf("%s: %d tasks, not %d", py, len(got.Tasks), len(want)+1)
			}
			for _, task := range got.Tasks {
				var frames []string
				for _, f := range task.Frames {
					name := f.Function[strings.LastIndexByte(f.Function, '.')+1:]
					frames = append(frames, name+":"+strconv.Itoa(f.Line))
				}
				if task.Name == "main" {
					continue
				}
				var wanted []string
				for _, f := range want[task.Name] {
					wanted = append(wanted, f[0].(string)+":"+strconv.Itoa(int(f[1].(float64))))
				}
				// Inside, what awaits an asynchronous generator does not say which; from outside it
				// is followed.
				if n := len(wanted); n == 0 || len(frames) < n || !slices.Equal(frames[:n], wanted) {
					t.Errorf("%s: %s is in %v, not %v", py, task.Name, frames, wanted)
				}
				if task.Awaits == nil || !strings.Contains(task.Awaits.Type, "Future") && !strings.Contains(task.Awaits.Type, "Task") {
					t.Errorf("%s: %s awaits %+v", py, task.Name, task.Awaits)
				}
				awaits := map[string][]string{"waits": {"deep"}, "gathers": {"sleep-0", "sleep-1", "custom"}}[task.Name]
				if !slices.Equal(task.Tasks, awaits) {
					t.Errorf("%s: %s awaits the tasks %q, not %q", py, task.Name, task.Tasks, awaits)
				}
			}
		}
		o := pyfreeze(t, "inspect", "tasks", pid).must(t, "exit 0")
		for _, line := range []string{`Task "gathers", pending`, `    Task "sleep-0", pending, awaited by ["gathers"]`, `awaits ["deep"]`, "box = <__main__.Box at"} {
			if !strings.Contains(o.Stdout, line) {
				t.Errorf("%s: no %q in\n%s", py, line, o.Stdout)
			}
		}
		if o := pyfreeze(t, "inspect", "tasks", pid, "--generators").must(t, "exit 0"); !strings.Contains(o.Stdout, "in stream") {
			t.Errorf("%s: the generators are\n%s", py, o.Stdout)
		}
		o = pyfreeze(t, "inspect", "find", pid, "__main__.Box", "--where", "number > 2", "--select", "number,_size", "--sort", "number").must(t, "exit 0")
		if lines := strings.Split(o.Stdout, "\n"); len(lines) != 4 || !strings.Contains(lines[0], "number=4") || !strings.Contains(lines[1], "number=3") || lines[2] != "2 in all" {
			t.Errorf("%s: found\n%s", py, o.Stdout)
		}
	}
}
