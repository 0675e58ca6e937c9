package restore

import (
	"context"
	"testing"
	"time"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
)

// TestRecovered compares the static variables that are found by code with what the symbols say, in every interpreter that has them.
func TestRecovered(t *testing.T) {
	compared := 0
	for _, exe := range interpreters(t) {
		pid := startBusy(t, exe, "import faulthandler, signal, sys\nprint('ready', flush=True)\nsys.stdin.read()\nimport time; time.sleep(60)")
		s, err := TakeSnapshot(context.Background(), SnapshotOptions{PID: pid, Timeout: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		h, err := pyheap.Open(s.Space, s.Interpreter, s.Layout)
		if err != nil {
			t.Fatal(err)
		}
		rt, err := s.Layout.Symbol("_PyRuntime")
		if err != nil {
			t.Fatal(err)
		}
		tg := &target{lay: s.Layout, bias: s.Interpreter.Bias, runtime: rt.Addr + s.Interpreter.Bias}
		for _, r := range recoveries {
			got := recovered(h, tg, r.name)
			if s.Interpreter.Version.Minor > r.minor {
				if got != nil {
					t.Errorf("%s: %s is found at %v, where it is no variable", exe, r.name, got)
				}
				continue
			}
			if s.Layout.Shipped() {
				t.Logf("%s has no debug information to compare with", exe)
				continue
			}
			compared++
			want := procmem.Range{}
			for _, y := range s.Layout.Symbols(map[string]string{"busy": "busy", "wakeup.fd": "wakeup", "thread.file": "thread"}[r.name]) {
				if y.Local && (r.name != "busy" || y.Size == 4) && y.Size > 0 {
					want = procmem.Range{Start: y.Addr + tg.bias, End: y.Addr + tg.bias + procmem.Addr(y.Size)}
				}
			}
			if len(got) == 0 || r.name != "thread.file" && (len(got) != 1 || got[0] != want.Start) {
				t.Errorf("%s: %s is found at %v, it is at %v", exe, r.name, got, want)
			}
			for _, a := range got {
				if !want.Contains(a) {
					t.Errorf("%s: %s is found at %v, it is at %v", exe, r.name, a, want)
				}
			}
		}
		_ = h.Close()
		_ = s.Close()
	}
	if compared == 0 {
		t.Error("nothing to compare")
	}
}
