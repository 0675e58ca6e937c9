package freeze

import (
	"maps"
	"slices"
	"strings"

	"pyfreeze/procmem"
	"pyfreeze/restore/captured"
	"pyfreeze/restore/guard"
	"pyfreeze/restore/libs"
)

// Bounds of the C library's environment.
const maxVariables, longestVariable = 1 << 14, 128 << 10

// libcEnviron reads the C library's environment of the copy: what children get. nil where it cannot
// be read.
func (f *freezing) libcEnviron() map[string]string {
	at, err := libs.Environ(f.libs)
	if err != nil {
		return nil
	}
	list, err := f.copy.Space.U64(at)
	if err != nil {
		return nil
	}
	out := map[string]string{}
	for i := range uint64(maxVariables) {
		entry, err := f.copy.Space.U64(procmem.Addr(list + 8*i))
		if err != nil {
			return nil
		}
		if entry == 0 {
			return out
		}
		text, ok := procmem.CString(f.copy.Space, procmem.Addr(entry), longestVariable)
		if !ok {
			return nil
		}
		name, value, ok := strings.Cut(text, "=")
		if _, dup := out[name]; ok && !dup {
			out[name] = value
		}
	}
	return nil
}

// putOnly are variables that the program has set for its children alone, as os.putenv and C code
// do: os.environ does not show them. changes are those that it shows, and a thaw makes.
func (f *freezing) putOnly(changes []captured.EnvChange) (out []captured.EnvChange) {
	now := f.libcEnviron()
	if now == nil || !f.ofCommand() {
		return nil
	}
	thawed := map[string]string{}
	for _, entry := range f.start.Environ {
		name, value, ok := strings.Cut(entry, "=")
		if _, dup := thawed[name]; ok && !dup {
			thawed[name] = value
		}
	}
	for _, c := range changes {
		if delete(thawed, string(c.Name)); c.Value != nil {
			thawed[string(c.Name)] = string(c.Value)
		}
	}
	names := slices.Concat(slices.Collect(maps.Keys(now)), slices.Collect(maps.Keys(thawed)))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		value, set := now[name]
		old, known := thawed[name]
		skip := name == "" || name == "LC_CTYPE" || strings.HasSuffix(name, "*") || // as captured.EnvChanges
			len(f.plainly) > 0 && f.byShell() && guard.OfShell(name)
		if skip || set == known && value == old {
			continue
		}
		c := captured.EnvChange{Name: []byte(name)}
		if set {
			c.Value = []byte(value)
		}
		out = append(out, c)
	}
	return out
}
