package freeze

import (
	"fmt"

	"pyfreeze/restore/guard"
	"pyfreeze/restore/prefix"
)

// readKinds are words for what was read in the file system.
var readKinds = map[guard.ReadKind]string{guard.Absent: "absent", guard.Directory: "directory",
	guard.Names: "names in", guard.Import: "modules in", guard.Link: "link", guard.Other: "device",
	guard.Content: "content", guard.Status: "status", guard.Access: "access to"}

// factKinds are words for what the kernel was asked.
var factKinds = map[guard.ReadKind]string{guard.Cwd: prefix.AskedCwd, guard.Host: prefix.AskedHost,
	guard.User: prefix.AskedUser, guard.CPUs: prefix.AskedCPUs, guard.Umask: prefix.AskedUmask,
	guard.Terminal: prefix.AskedTTY, guard.Size: prefix.AskedSize,
	guard.Stream: prefix.AskedKind, guard.Limit: prefix.AskedLimit, guard.Nice: prefix.AskedNice,
	guard.Groups: prefix.AskedGroups, guard.Scheduling: prefix.AskedScheduling}

// guardInfo tells the guards to people, those that fail most likely first.
func (f *freezing) guardInfo() (out []GuardInfo) {
	who := func(string) string { return "" }
	if r := f.o.Reads; r != nil {
		who = func(what string) string { return r.Who[what] }
	}
	g := f.guards
	for _, name := range g.Names {
		out = append(out, GuardInfo{"variable", name, who(name)})
	}
	for _, r := range g.Facts {
		name := r.Text
		if r.Kind == guard.Terminal || r.Kind == guard.Size || r.Kind == guard.Stream {
			name = fmt.Sprintf("of descriptor %d", r.A)
		}
		if r.Kind == guard.Limit {
			name = fmt.Sprintf("of resource %d", r.A)
		}
		out = append(out, GuardInfo{factKinds[r.Kind], name, who(factKinds[r.Kind])})
	}
	for _, r := range g.Reads {
		out = append(out, GuardInfo{readKinds[r.Kind], r.Text, who(r.Text)})
	}
	for _, file := range g.Files {
		kind := "file"
		if file.BuildID != "" {
			kind = "library"
		}
		out = append(out, GuardInfo{kind, file.Path, who(file.Path)})
	}
	return out
}
