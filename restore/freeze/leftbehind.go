package freeze

import (
	"context"
	"fmt"
	"strings"

	"pyfreeze/pyheap"
	"pyfreeze/restore/behind"
	"pyfreeze/restore/captured"
	"pyfreeze/restore/guard"
	"pyfreeze/restore/script"
	"pyfreeze/restore/stub"
)

// maxInitial is of how many modules the code is read.
const maxInitial = 500

// findLeftBehind looks for what the run of a process that ran already has left in its modules,
// where a thaw would run its script again and no recipe is for it. What a recipe repairs is left
// out.
func (f *freezing) findLeftBehind(ctx context.Context, exe string) error {
	f.behind = f.o.Behind
	if !f.ofCommand() && f.modes[stub.ModeRun].possible && !f.recipe.OfProgram {
		codes, err := f.codes(ctx, exe)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			f.behind, err = behind.FromCode(f.heap, codes)
		}
		if err != nil { // that hinders no freeze
			f.behind = &behind.Report{Entries: []behind.Entry{}}
		}
		literal := func(b []byte) string { return "b" + pyheap.QuoteBytes(b) }
		for _, c := range f.envSet {
			e := behind.Entry{Path: "sys.modules['posix'].environ[" + literal(c.Name) + "]"}
			if was := guard.Lookup(f.start.Environ, string(c.Name)); was != nil {
				e.Was = literal([]byte(*was))
			}
			if c.Value != nil {
				e.Is = literal(c.Value)
			}
			f.behind.Entries = append(f.behind.Entries, e)
		}
		f.note = noteOf(f.behind)
	}
	if f.behind != nil {
		repaired := captured.Matcher(f.recipe.Fixes)
		f.behind.Without(func(path, _ string) bool { return repaired(path) })
	}
	return nil
}

// codes reads the code of the program's own modules.
func (f *freezing) codes(ctx context.Context, exe string) (map[string]behind.Code, error) {
	mods, err := behind.OwnModules(f.heap)
	if err != nil {
		return nil, err
	}
	var list []script.Module
	for _, m := range mods[:min(len(mods), maxInitial)] {
		if m.Kind == pyheap.KindSource && strings.HasPrefix(m.File, "/") {
			s := script.Module{Name: m.Name, File: m.File}
			if a, err := f.heap.Attr(m.Addr, "__cached__"); err == nil {
				s.Cached, _ = f.heap.Str(a) // "" for none
			}
			list = append(list, s)
		}
	}
	out := map[string]behind.Code{}
	if len(list) == 0 {
		return out, nil
	}
	found, err := script.InitialNames(ctx, exe, f.start.Environ, list)
	for name, c := range found {
		out[name] = behind.Code(c)
	}
	return out, err
}

// noteOf is what a thaw says before it runs the script of such a process again: one line.
func noteOf(r *behind.Report) string {
	const most, longest = 5, 120
	note := "pyfreeze: the script runs again on a heap that has run, and no recipe repairs it"
	var paths []string
	for _, e := range r.Entries[:min(most, len(r.Entries))] {
		paths = append(paths, plainly(e.Path, longest))
	}
	switch n := len(r.Entries) - most + r.Left; {
	case len(paths) == 0:
		note += "; nothing that it left behind was found"
	case n > 0:
		note += fmt.Sprintf("; it left behind %s and %d more (info --left-behind)",
			strings.Join(paths, ", "), n)
	default:
		note += "; it left behind " + strings.Join(paths, ", ")
	}
	return note + "\n"
}

// plainly makes a text safe for a terminal, and not too long.
func plainly(s string, most int) string {
	r := []rune(strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f && c < 0xa0 {
			return '?'
		}
		return c
	}, s))
	if len(r) > most {
		return string(r[:most-3]) + "..."
	}
	return string(r)
}
