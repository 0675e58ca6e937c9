package restore

import (
	"path/filepath"
	"strings"
	"time"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/symbols"
)

// Version of pyfreeze.
const Version = "0.1"

// makeGuards notes everything that a later thaw depends on.
func makeGuards(h *pyheap.Heap, mods []*module, cl cmdline, comm string, environ, variables []string, in *symbols.Interpreter) (*guards, map[*module]fileID, error) {
	g := &guards{Exe: in.Exe, Argv0: cl.interp, Script: cl.what, UTF8Mode: utf8Mode(environ), Variables: variables, Env: guardedEnv(environ, variables),
		CPU: cpuFeatures()}
	if s := scriptOf(cl); s != "" && comm == truncated(filepath.Base(s)) {
		g.Comm = comm // started through #!
	}
	files := map[*module]fileID{}
	for _, m := range mods {
		id, err := statFile(m.File.Path)
		if err != nil {
			return nil, nil, err
		}
		files[m] = id
		g.Files = append(g.Files, guardFile{Path: m.File.Path, Size: id.size, MtimeNs: id.mtimeNs, Ino: id.ino, BuildID: m.File.BuildID()})
	}
	pm, err := h.Modules()
	if err != nil {
		return nil, nil, err
	}
	seen := map[string]bool{}
	for _, m := range pm {
		if !strings.HasSuffix(m.File, ".py") || seen[m.File] || !filepath.IsAbs(m.File) {
			continue
		}
		seen[m.File] = true
		if id, err := statFile(m.File); err == nil {
			g.Files = append(g.Files, guardFile{Path: m.File, Size: id.size, MtimeNs: id.mtimeNs})
		}
	}
	return g, files, nil
}

// truncated cuts a name as the kernel cuts a process's.
func truncated(s string) string { return s[:min(len(s), 15)] }

func describe(o FreezeOptions, c *captured, in *symbols.Interpreter, h *pyheap.Heap, w *pyheap.Walk, mods []*module,
	comp *compiler, fds []Descriptor, argv []string, comm, recipe string) *Meta {
	m := &Meta{Pyfreeze: Version, Created: time.Now().UTC().Truncate(time.Second), PID: o.PID, Args: argv, Comm: comm, Cwd: c.cwd,
		Exe: in.Exe, Python: in.Version.String(), BuildID: in.Module.File.BuildID(), Layouts: h.LayoutSource(), Recipe: recipe, Stopped: c.stopped,
		Threads: len(c.threads), Busy: c.busy, Objects: w.Objects(), Descriptors: fds,
		Relocations: len(comp.relocs.words)}
	m.Known, m.Guesses, m.Guessed = comp.relocs.known, comp.relocs.guesses, len(comp.relocs.guesses)
	m.Guesses = m.Guesses[:min(len(m.Guesses), maxGuesses)]
	for i := range m.Guesses {
		m.Guesses[i].To = h.About(procmem.Addr(m.Guesses[i].Value))
	}
	op := w.Opaque()
	m.Opaque = OpaqueMemory{Live: op.Live, Typed: op.Typed, Opaque: op.Opaque, Unreached: op.Unreached, Owners: op.Owners[:min(len(op.Owners), maxOwners)]}
	for _, f := range comp.relocs.filters {
		m.Filtered += len(f)
	}
	for _, t := range w.ByType() {
		m.Types = append(m.Types, TypeCount{t.Name, t.Count, t.Bytes})
	}
	if pm, err := h.Modules(); err == nil {
		for _, x := range pm {
			m.Modules = append(m.Modules, ModuleInfo{x.Name, x.File})
		}
	}
	load := map[*module]bool{}
	for _, l := range comp.load {
		load[l] = true
	}
	for _, x := range mods {
		m.Libraries = append(m.Libraries, LibraryInfo{x.File.Path, x.File.BuildID(), uint64(x.span.Start), !x.system, load[x]})
	}
	for _, s := range comp.frz.segs {
		switch {
		case s.inspectOnly:
			m.Bytes.Inspect += s.Len()
		case s.Class == procmem.ClassSaved:
			m.Bytes.Saved += s.Len()
		default:
			m.Bytes.Frozen += s.Len()
		}
	}
	if fr, err := h.Frames(comp.t.tstate); err == nil || len(fr) > 0 {
		for _, f := range fr {
			m.Frames = append(m.Frames, FrameInfo{f.Qualname, f.File, f.Line, uint64(f.Addr)})
		}
	}
	return m
}
