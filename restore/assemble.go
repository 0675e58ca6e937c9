package restore

import (
	"context"
	"debug/elf"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"pyfreeze/image"
	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/symbols"
)

// mainTstate finds the thread state that a thaw continues with.
func mainTstate(h *pyheap.Heap) (procmem.Addr, procmem.Addr, error) {
	threads, err := h.Threads()
	if err != nil {
		return 0, 0, err
	}
	for _, t := range threads {
		if t.IsMain {
			return t.Addr, t.Interp, nil
		}
	}
	return 0, 0, refused("no thread state of its main thread any more", "freeze it before it ends")
}

// write turns the copy into an image.
func write(ctx context.Context, o FreezeOptions, c *captured, in *symbols.Interpreter, lay *symbols.Layout) (*Meta, error) {
	line, err := o.readCommandLine()
	if err != nil {
		return nil, err
	}
	argv := line.argv
	environ, err := readStrings(fmt.Sprintf("/proc/%d/environ", o.PID))
	if err != nil {
		return nil, err
	}
	cl, err := parseCmdline(argv)
	if err != nil {
		return nil, refused(err.Error(), "")
	}

	given := cl
	if s := scriptOf(cl); s != "" && !filepath.IsAbs(s) {
		cl.what = []string{filepath.Join(c.cwd, s)} // where the thawed process starts may be elsewhere
	}

	o.progress("walking the heap")
	h, err := pyheap.Open(c.space, in, lay)
	if err != nil {
		return nil, err
	}
	h.UseContext(o.downloads(ctx))
	interps, err := h.Interpreters()
	if err != nil {
		return nil, err
	}
	if len(interps) > 1 {
		return nil, refused(fmt.Sprintf("%d interpreters", len(interps)), "only a process with one can be frozen")
	}
	offenders, pythons, err := refuseThreads(h)
	if err != nil {
		return nil, err
	}
	w, err := h.Walk(pyheap.WalkOptions{Stacks: stacksOf(c.threads)})
	if err != nil {
		return nil, err
	}
	t := &target{lay: lay, bias: in.Bias}
	rt, err := lay.Symbol("_PyRuntime")
	if err != nil {
		return nil, err
	}
	t.runtime = in.Bias + rt.Addr
	if t.tstate, t.interp, err = mainTstate(h); err != nil {
		return nil, err
	}

	mods, err := loadModules(c.maps, c.space, in)
	if err != nil {
		return nil, err
	}
	defer closeModules(mods)
	if err := refuseMalloc(mods); err != nil {
		return nil, err
	}
	exe, ld := findMain(mods)
	if exe == nil || ld == nil {
		return nil, fmt.Errorf("%s: the executable or its loader is not among the mapped files", in.Exe)
	}
	regions, shared := classify(c.maps, mods)
	frz, err := gather(c.space, regions, mods, procmem.Addr(c.threads[0].Regs.Rsp))
	if err != nil {
		return nil, err
	}
	way, err := t.readStartway(frz, given, environ)
	if err != nil {
		return nil, err
	}
	faults, err := readFaultHandlers(frz, t)
	if err != nil {
		return nil, err
	}
	python := executable(h, in.Exe)
	if len(homeFiles(python)) > 0 {
		cl.interp = append([]string{python}, cl.interp[1:]...) // they are found from there, wherever the command is given
	}
	dead := deadMemory(h)
	var scrubbed uint64
	if !o.KeepDead {
		scrubbed = scrub(frz, w, dead, c.maps, c.threads)
		for i := range c.threads {
			c.threads[i].XState = withoutVectors(c.threads[i].XState)
		}
	}
	again, more, err := settleDescriptors(frz, h, w, c.fds, o.Allow)
	if err != nil {
		return nil, err
	}
	fds := c.fds
	offenders = slices.Concat(offenders, more, refuseShared(h, w, shared), refuseChildren(h, w), refuseDatabases(w, fds), refuseFinalizers(h, w),
		refuseLocks(h, w), refuseLoops(h, w), refuseWatchdog(frz, h, lay, t, len(c.threads)), refusePools(mods, len(c.threads), pythons))
	if at, fd := wakeupFD(frz, h, t, lay); fd != -1 {
		offenders = append(offenders, Offender{"wakeup-fd", "signal.set_wakeup_fd", fmt.Sprintf("descriptor %d, which signals write to", fd),
			"call signal.set_wakeup_fd(-1) before the freeze"})
		if err := frz.poke32(procmem.Addr(at), ^uint32(0)); err != nil {
			return nil, err
		}
	}
	offenders = slices.DeleteFunc(offenders, func(x Offender) bool { return x.Kind != "" && slices.Contains(o.Allow, x.Kind) })
	if len(offenders) > 0 {
		return nil, &RefusedError{offenders}
	}
	idents, err := t.toRest(frz, h, w)
	if err != nil {
		return nil, err
	}
	links, err := readLinkMaps(c.space, exe)
	if err != nil {
		return nil, err
	}

	rec, err := chooseRecipe(o, h)
	if err != nil {
		return nil, err
	}
	o.progress("looking for captured values")
	facts := readFacts(o.PID, c.cwd, given, environ, h)
	found, err := findCaptured(h, w, facts, rec.fixes)
	if err != nil {
		return nil, err
	}
	o.progress("compiling the thaw program")
	cfg, err := newScriptConfig(h, w, cl, c.cwd, environ, way, rec)
	if err != nil {
		return nil, err
	}
	cfg.Faults = faults
	script, err := compileScripts(in.Exe, rec.sources, scriptOf(cl), way.optimized, environ, rec.resetSignals, cfg)
	if err != nil {
		return nil, err
	}
	g, files, err := makeGuards(h, mods, cl, line.comm, environ, slices.Concat(capturedVariables(found, environ), namesOf(cfg.Changes), rec.guards), in)
	if err != nil {
		return nil, err
	}
	g.addHome(python)
	if err := g.addReopened(again); err != nil {
		return nil, err
	}
	comp := &compiler{t: t, mods: mods, load: loadOrder(links, mods), in: in, frz: frz, data: w, dead: dead, script: script, fds: reserved(fds), again: again, faults: faults,
		idents: append(idents, mainIdents(h, w, c.threads[0].Regs.Fs_base)...)}
	if err := comp.prepare(files); err != nil {
		return nil, err
	}
	g.LdEntry = entryOf(ld.File)
	g.SyscallDelta = int64(comp.p.sites[0]) + 5 - int64(g.LdEntry)

	meta := describe(o, c, in, h, w, mods, comp, fds, argv, line.comm, rec.name)
	meta.Captured = found
	meta.Scrubbed = scrubbed
	content := &image.Content{
		Pid: o.PID, Comm: line.comm, Args: strings.Join(argv, " "),
		Threads: c.threads, Auxv: c.auxv, Files: fileMappings(c.maps), Segments: frz.imageSegments(),
	}
	about, err := json.Marshal(meta)
	if err != nil {
		return nil, err
	}
	content.Extra = []image.Note{{Type: tableMeta, Data: about}}
	content.Guards = g.encode()
	entry := uint64(exe.Bias + exe.File.Entry)
	if exe.File.Type == elf.ET_DYN {
		entry -= uint64(exe.span.Start)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return meta, finish(o, content, comp, g, entry)
}

func closeModules(mods []*module) {
	for _, m := range mods {
		_ = m.File.Close()
	}
}

func findMain(mods []*module) (exe, ld *module) {
	for _, m := range mods {
		switch {
		case m.main:
			exe = m
		case isLoader(m):
			ld = m
		}
	}
	return exe, ld
}

// classify says what becomes of each piece of memory; shared are those that cannot be cloned.
func classify(maps []procmem.Mapping, mods []*module) (regions, shared []procmem.Region) {
	owners := make([]procmem.Owner, len(mods))
	for i, m := range mods {
		owners[i] = procmem.Owner{Range: m.span, System: m.system, Saved: m.saved}
	}
	regions = procmem.Classify(maps, owners)
	for _, r := range regions {
		if r.Class == procmem.ClassRefused {
			shared = append(shared, r)
		}
	}
	return regions, shared
}

func lookup(env []string, name string) *string {
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return &v
		}
	}
	return nil
}

// scriptOf is the script's path; "" for -m and -c.
func scriptOf(c cmdline) string {
	if len(c.what) > 1 {
		return ""
	}
	return c.what[0]
}

func path0Of(c cmdline, cwd string) *string {
	p := c.path0(cwd)
	return &p
}
