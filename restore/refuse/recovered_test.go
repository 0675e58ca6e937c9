package refuse

import (
	"context"
	"testing"
	"time"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/restore/internal/target"
	"pyfreeze/restore/snapshot"
)

// TestRecovered compares the static variables that are found by code with what the symbols say, in every interpreter that has them.
func TestRecovered(t *testing.T) {
	compared := 0
	for _, exe := range target.Interpreters(t) {
		pid := target.Start(t, exe, "import faulthandler, signal, sys\nprint('ready', flush=True)\nsys.stdin.read()\nimport time; time.sleep(60)")
		s, err := snapshot.Inspect(context.Background(), pid, 10*time.Second, nil)
		if err != nil {
			t.Fatal(err)
		}
		h, err := pyheap.Open(s.Space, s.Interp, s.Layout)
		if err != nil {
			t.Fatal(err)
		}
		rt, err := s.Layout.Symbol("_PyRuntime")
		if err != nil {
			t.Fatal(err)
		}
		tg := &Target{Heap: h, Space: s.Space, Layout: s.Layout, Bias: s.Interp.Bias, Runtime: rt.Addr + s.Interp.Bias}
		for _, r := range recoveries {
			got := tg.recovered(r.name)
			if s.Interp.Version.Minor > r.minor {
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
			for _, y := range s.Layout.Symbols(map[string]string{"wakeup.fd": "wakeup", "thread.file": "thread"}[r.name]) {
				if y.Local && y.Size > 0 {
					want = procmem.Range{Start: y.Addr + tg.Bias, End: y.Addr + tg.Bias + procmem.Addr(y.Size)}
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
