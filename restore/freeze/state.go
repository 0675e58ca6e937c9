package freeze

import (
	"maps"
	"slices"
	"strings"

	"pyfreeze/restore/refuse"
	"pyfreeze/restore/snapshot"
	"pyfreeze/restore/stub"
)

// fixedState refuses what a program has set for itself in the kernel and a thaw could not set.
// One that runs again may set it again, from what it is started with, or may not, if a module did
// so when it was imported: nothing is right for both.
func (f *freezing) fixedState(again bool) (out []refuse.Offender) {
	then, now := f.start.State, f.copy.State
	if then == nil {
		return nil
	}
	add := func(what, remedy string) {
		out = append(out, refuse.Offender{
			What: "the program has set " + what + " since its start", Remedy: remedy,
		})
	}
	for _, what := range slices.Sorted(maps.Keys(now.Fixed)) {
		if again && strings.HasPrefix(what, "its standard ") {
			continue // which it puts elsewhere again, as a pager does
		}
		if now.Fixed[what] != then.Fixed[what] {
			add(what, "freeze it at a function that is called before (--at MODULE:FUNCTION)")
		}
	}
	if !again {
		return out
	}
	for what, set := range map[string]bool{
		"its directory": now.Cwd != then.Cwd, "its priority": now.Nice != then.Nice,
		"its umask": now.Umask != then.Umask, "its limits": now.Limits != then.Limits,
		"no_new_privs": now.NoNewPrivs != then.NoNewPrivs,
	} {
		if set {
			add(what, "freeze it where it can go on (--at MODULE:FUNCTION)")
		}
	}
	slices.SortStableFunc(out, func(a, b refuse.Offender) int {
		return strings.Compare(a.What, b.What)
	})
	return out
}

// attachedState is what of a process that ran already counts: what it may have given up, where
// its start is not known.
func attachedState(now *snapshot.State, resume bool) []stub.Change {
	out := []stub.Change{{Kind: stub.ChangeUser, A: now.User[0], B: now.User[1]}}
	if resume && now.Umask >= 0 {
		out = append(out, stub.Change{Kind: stub.ChangeUmask, A: uint64(now.Umask)})
	}
	if now.NoNewPrivs {
		out = append(out, stub.Change{Kind: stub.ChangeNoNewPrivs})
	}
	return out
}

// changes are what a thaw sets, as a child of the program would have it.
func (f *freezing) changes(t *stub.Tables, resume bool) (out []stub.Change) {
	then, now := f.start.State, f.copy.State
	if then == nil {
		return attachedState(now, resume)
	}
	if now.Nice != then.Nice {
		out = append(out, stub.Change{Kind: stub.ChangeNice, A: uint64(now.Nice)})
	}
	for resource, l := range now.Limits {
		if l != then.Limits[resource] {
			out = append(out, stub.Change{Kind: stub.ChangeLimit, Which: uint32(resource), A: l[0], B: l[1]})
		}
	}
	if now.Umask >= 0 && now.Umask != then.Umask {
		out = append(out, stub.Change{Kind: stub.ChangeUmask, A: uint64(now.Umask)})
	}
	if now.NoNewPrivs && !then.NoNewPrivs {
		out = append(out, stub.Change{Kind: stub.ChangeNoNewPrivs})
	}
	// Last: what fails before leaves the plain command where it was started.
	if now.Cwd != then.Cwd {
		out = append(out, stub.Change{
			Kind: stub.ChangeCwd, A: uint64(t.Str(now.Cwd)), B: uint64(t.Str(then.Cwd)),
		})
	}
	return out
}
