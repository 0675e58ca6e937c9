package pyheap

import (
	"reflect"
	"testing"
)

// TestCoreOfTasks: tasks, modules, frames, threads and the collector of a core are those of
// Python and of the process.
func TestCoreOfTasks(t *testing.T) {
	var want toldTasks
	tg := toldBy(t, python311, tasksScript, &want, "c")
	core := &target{heap: coreOf(t, tg), pid: tg.pid}
	checkTasks(t, core, &want)
	checkGenerators(t, core, &want)
	read := func(h *Heap) []any {
		modules, err := h.Modules()
		threads, err2 := h.Threads()
		if err != nil || err2 != nil || len(threads) == 0 {
			t.Fatal(threads, err, err2)
		}
		frames, err := h.Frames(threads[0].Addr)
		if err != nil || len(frames) < 5 || len(modules) < 50 {
			t.Fatalf("%d frames, %d modules: %v", len(frames), len(modules), err)
		}
		return []any{modules, threads, frames, h.GC(), h.ThreadObjects(), h.Handled(threads[0].Addr)}
	}
	live, dead := read(tg.heap), read(core.heap)
	for i := range live {
		if !reflect.DeepEqual(live[i], dead[i]) {
			t.Errorf("the process has %+v\nthe core %+v", live[i], dead[i])
		}
	}
}

// TestCoreOfExceptions: so are exceptions.
func TestCoreOfExceptions(t *testing.T) {
	var want struct{ All []toldException }
	tg := toldBy(t, python311, exceptionsScript, &want)
	h := coreOf(t, tg)
	for i := range want.All {
		compareException(t, h, &want.All[i])
	}
	if len(want.All) < 20 {
		t.Errorf("only %d exceptions", len(want.All))
	}
}
