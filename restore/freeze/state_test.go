package freeze

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"pyfreeze/restore/snapshot"
	"pyfreeze/restore/stub"
)

// What a program has set since its start is set in a thaw in an order in which what may fail
// comes first, or refused by its name.
func TestStateThatChanged(t *testing.T) {
	then := &snapshot.State{Cwd: "/a", Umask: 0o22, Nice: 1,
		Fixed: map[string]string{"its session": "1", "its groups": "4"}}
	now := *then
	f := &freezing{start: snapshot.Start{State: then}, copy: &snapshot.Copy{State: &now}}
	tables := &stub.Tables{}
	if got := f.changes(tables, true); got != nil {
		t.Errorf("nothing has changed: %+v", got)
	}
	if got := f.fixedState(true); got != nil {
		t.Errorf("nothing has changed: %+v", got)
	}
	now.Cwd, now.Umask, now.Nice, now.NoNewPrivs, now.Limits[7] = "/b", 0o77, 5, true, [2]uint64{3, 4}
	got := f.changes(tables, true)
	for i := range got {
		if got[i].Kind == stub.ChangeCwd {
			got[i].A, got[i].B = 0, 0 // where the paths are
		}
	}
	want := []stub.Change{{Kind: stub.ChangeNice, A: 5},
		{Kind: stub.ChangeLimit, Which: 7, A: 3, B: 4}, {Kind: stub.ChangeUmask, A: 0o77},
		{Kind: stub.ChangeNoNewPrivs}, {Kind: stub.ChangeCwd}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := f.fixedState(false); got != nil {
		t.Errorf("a program that goes on is refused for %+v", got)
	}
	if got := f.fixedState(true); len(got) != 5 {
		t.Errorf("a program that runs again is refused for %+v", got)
	}
	now.Fixed = map[string]string{"its session": "2", "its groups": "4"}
	const session = "the program has set its session since its start"
	if got := f.fixedState(false); len(got) != 1 || got[0].What != session {
		t.Errorf("refused for %+v", got)
	}
	now.Fixed = map[string]string{"its session": "1", "its groups": "4", "its standard output": "/x"}
	if again, on := f.fixedState(true), f.fixedState(false); len(again) != 5 || len(on) != 1 {
		t.Errorf("refused for %+v where it runs again, for %+v where it goes on", again, on)
	}
	f.start.State, now.User = nil, [2]uint64{7, 8} // attached
	want = []stub.Change{{Kind: stub.ChangeUser, A: 7, B: 8},
		{Kind: stub.ChangeUmask, A: 0o77}, {Kind: stub.ChangeNoNewPrivs}}
	if diff := cmp.Diff(want, f.changes(tables, true)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]stub.Change{want[0], want[2]}, f.changes(tables, false)); diff != "" {
		t.Error(diff)
	}
}
