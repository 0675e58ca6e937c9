package restore

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pyfreeze/image"
	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/symbols"
	"pyfreeze/tracer"
)

// FreezeOptions tell Freeze what to do.
type FreezeOptions struct {
	PID      int
	Output   string
	Timeout  time.Duration // to reach a safe point
	Recipe   string        // path of a recipe; "" chooses a shipped one by loaded modules
	NoRecipe bool
	Progress func(step string, done, total uint64) // may be nil
}

func (o *FreezeOptions) progress(step string) func(done, total uint64) {
	if o.Progress == nil {
		return func(done, total uint64) {}
	}
	o.Progress(step, 0, 0)
	return func(done, total uint64) { o.Progress(step, done, total) }
}

// captured is a consistent copy of the target. The target runs on.
type captured struct {
	maps    []procmem.Mapping
	space   *procmem.Space
	threads []image.Thread
	fds     []Descriptor
	cwd     string
	auxv    []byte
	stopped time.Duration
	busy    bool
}

// Freeze writes an image of a running process, which is stopped only while
// its memory is copied, and changed in nothing. Errors: *RefusedError,
// *TimeoutError, *tracer.PermissionError, tracer.ErrNoProcess,
// *symbols.NotPythonError, *symbols.MissingDebugError, *image.WriteError.
func Freeze(o FreezeOptions) (*Meta, error) {
	// All that takes long and needs no standstill comes first.
	o.progress("finding the interpreter")
	if err := checkWritable(o.Output); err != nil {
		return nil, err
	}
	live, err := procmem.OpenLive(o.PID)
	if err != nil {
		return nil, permission(o.PID, err)
	}
	defer live.Close()
	maps, err := procmem.ReadMaps(o.PID)
	if err != nil {
		return nil, permission(o.PID, err)
	}
	in, err := symbols.Identify(maps, live)
	if err != nil {
		return nil, err
	}
	defer in.Module.File.Close()
	o.progress("reading debug information")
	lay, err := symbols.LoadLayout(in.Module.File)
	if err != nil {
		return nil, err
	}
	c, err := capture(o, live, in, lay)
	if err != nil {
		return nil, err
	}
	defer c.space.Close()
	return write(o, c, in, lay)
}

// permission replaces a bare EPERM or EACCES by what a trace attempt says of it.
func permission(pid int, err error) error {
	if !errors.Is(err, os.ErrPermission) {
		return err
	}
	p, terr := tracer.Attach(pid)
	if terr != nil {
		return terr
	}
	_ = p.Detach()
	return err
}

// checkWritable fails early where the image could not be written.
func checkWritable(path string) error {
	dir := filepath.Dir(path)
	st, err := os.Stat(dir)
	if err != nil {
		return &image.WriteError{Path: path, Err: err}
	}
	if !st.IsDir() {
		return &image.WriteError{Path: path, Err: &os.PathError{Op: "write", Path: dir, Err: unix.ENOTDIR}}
	}
	if err := unix.Access(dir, unix.W_OK); err != nil {
		return &image.WriteError{Path: path, Err: &os.PathError{Op: "write", Path: dir, Err: err}}
	}
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return &image.WriteError{Path: path, Err: errors.New("it exists and is not a regular file")}
	}
	return nil
}

// capture stops the target at a safe point and copies it.
func capture(o FreezeOptions, live *procmem.Live, in *symbols.Interpreter, lay *symbols.Layout) (c *captured, err error) {
	o.progress("stopping the process")
	p, err := tracer.Attach(o.PID)
	if err != nil {
		return nil, err
	}
	defer func() {
		if derr := p.Detach(); derr != nil && err == nil {
			err = derr
		}
		if c != nil {
			c.stopped = p.StoppedFor()
		}
	}()
	s, err := newSeeker(p, live, in, lay)
	if err != nil {
		return nil, err
	}
	st, err := s.seek(o.Timeout)
	if err != nil {
		return nil, err
	}
	c = &captured{busy: st.GILLocked}
	if c.maps, err = procmem.ReadMaps(o.PID); err != nil {
		return nil, err
	}
	for _, tid := range p.Threads() {
		t := image.Thread{Tid: tid}
		if t.Regs, err = p.Regs(tid); err != nil {
			return nil, err
		}
		if t.XState, err = p.XState(tid); err != nil {
			return nil, err
		}
		if t.SigMask, err = p.SigMask(tid); err != nil {
			return nil, err
		}
		c.threads = append(c.threads, t)
	}
	if c.fds, err = listDescriptors(o.PID); err != nil {
		return nil, err
	}
	if c.cwd, err = os.Readlink(fmt.Sprintf("/proc/%d/cwd", o.PID)); err != nil {
		return nil, err
	}
	if c.auxv, err = os.ReadFile(fmt.Sprintf("/proc/%d/auxv", o.PID)); err != nil {
		return nil, err
	}
	c.space, err = procmem.Capture(live, c.maps, o.progress("copying memory"))
	return c, err
}

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
	return 0, 0, &RefusedError{What: "no thread state of its main thread any more", Remedy: "freeze it before it ends"}
}

// write turns the copy into an image.
func write(o FreezeOptions, c *captured, in *symbols.Interpreter, lay *symbols.Layout) (*Meta, error) {
	argv, err := readStrings(fmt.Sprintf("/proc/%d/cmdline", o.PID))
	if err != nil {
		return nil, err
	}
	environ, err := readStrings(fmt.Sprintf("/proc/%d/environ", o.PID))
	if err != nil {
		return nil, err
	}
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", o.PID))
	if err != nil {
		return nil, err
	}
	cl, err := parseCmdline(argv)
	if err != nil {
		return nil, &RefusedError{What: err.Error()}
	}

	if s := scriptOf(cl); s != "" && !filepath.IsAbs(s) {
		cl.what = []string{filepath.Join(c.cwd, s)} // where the thawed process starts may be elsewhere
	}

	o.progress("walking the heap")
	h, err := pyheap.Open(c.space, in, lay)
	if err != nil {
		return nil, err
	}
	interps, err := h.Interpreters()
	if err != nil {
		return nil, err
	}
	if len(interps) > 1 {
		return nil, &RefusedError{What: fmt.Sprintf("%d interpreters", len(interps)), Remedy: "only a process with one can be frozen"}
	}
	if err := refuseThreads(h); err != nil {
		return nil, err
	}
	w, err := h.Walk(pyheap.WalkOptions{})
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

	mods, err := loadModules(c.maps, c.space, in.Exe)
	if err != nil {
		return nil, err
	}
	defer closeModules(mods)
	exe, ld := findMain(mods)
	if exe == nil || ld == nil {
		return nil, fmt.Errorf("%s: the executable or its loader is not among the mapped files", in.Exe)
	}
	regions, err := classify(c.maps, mods)
	if err != nil {
		return nil, err
	}
	frz, err := gather(c.space, regions, mods, procmem.Addr(c.threads[0].Regs.Rsp))
	if err != nil {
		return nil, err
	}
	fds, err := settleDescriptors(frz, t, h, w, c.fds)
	if err != nil {
		return nil, err
	}
	if err := forgetSeekable(frz, t, w); err != nil {
		return nil, err
	}
	if err := openBufferLocks(frz, t, w); err != nil {
		return nil, err
	}
	if err := t.resetInterpreter(frz); err != nil {
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
	o.progress("compiling the thaw program")
	script, err := compileScripts(in.Exe, rec.source, scriptOf(cl), rec.resetSignals, scriptConfig{
		InterpreterArgs: len(cl.interp), Path0: path0Of(cl, c.cwd), SafePath: cl.hasOption('P') || cl.hasOption('I'),
		Home: lookup(environ, "HOME"), Tmpdir: lookup(environ, "TMPDIR"),
		BufferedStdio: !cl.hasOption('u') && lookup(environ, "PYTHONUNBUFFERED") == nil,
	})
	if err != nil {
		return nil, err
	}
	g, files, err := makeGuards(h, mods, cl, strings.TrimSpace(string(comm)), environ, in)
	if err != nil {
		return nil, err
	}
	comp := &compiler{t: t, mods: mods, load: loadOrder(links, mods), in: in, frz: frz, data: w, script: script, fds: reserved(fds)}
	if err := comp.prepare(files); err != nil {
		return nil, err
	}
	g.LdEntry = entryOf(ld.File)
	g.SyscallDelta = int64(comp.p.sites[0]) + 5 - int64(g.LdEntry)

	meta := describe(o, c, in, h, w, mods, comp, fds, argv, strings.TrimSpace(string(comm)), rec.name)
	content := &image.Content{
		Pid: o.PID, Comm: strings.TrimSpace(string(comm)), Args: strings.Join(argv, " "),
		Threads: c.threads, Auxv: c.auxv, Files: fileMappings(c.maps), Segments: frz.imageSegments(),
	}
	if content.Meta, err = json.Marshal(meta); err != nil {
		return nil, err
	}
	if content.Guards, err = json.Marshal(g); err != nil {
		return nil, err
	}
	entry := uint64(exe.Bias + exe.File.Entry)
	if content.Program, err = programNote(comp, make([]image.SegmentInfo, len(frz.segs)), g.Exe, entry); err != nil {
		return nil, err
	}
	segs, err := image.Plan(content)
	if err != nil {
		return nil, err
	}
	if content.Program, err = programNote(comp, segs, g.Exe, entry); err != nil {
		return nil, err
	}
	return meta, image.Write(o.Output, content, o.progress("writing the image"))
}

// programNote is what a thaw maps: the stub, room for the run block, the program.
func programNote(c *compiler, segs []image.SegmentInfo, exe string, entry uint64) ([]byte, error) {
	prog, err := c.build(segs, exe, entry)
	if err != nil {
		return nil, err
	}
	out := slices.Clone(stubBlob)
	out = append(out, make([]byte, align16(len(out))-len(out)+runBlockSize)...)
	return append(out, prog...), nil
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

// classify says what becomes of each piece of memory; memory that cannot be
// cloned is an error.
func classify(maps []procmem.Mapping, mods []*module) ([]procmem.Region, error) {
	owners := make([]procmem.Owner, len(mods))
	for i, m := range mods {
		owners[i] = procmem.Owner{Range: m.span, System: m.system, Saved: m.saved}
	}
	regions := procmem.Classify(maps, owners)
	for _, r := range regions {
		if r.Class == procmem.ClassRefused {
			return nil, &RefusedError{What: fmt.Sprintf("shared writable memory %v of %s", r.Range, r.Mapping.Path),
				Remedy: "close what maps it before the freeze"}
		}
	}
	return regions, nil
}

func fileMappings(maps []procmem.Mapping) []image.FileMapping {
	var out []image.FileMapping
	for _, m := range maps {
		if strings.HasPrefix(m.Path, "/") && !m.Deleted {
			out = append(out, image.FileMapping{Start: uint64(m.Start), End: uint64(m.End), PageOff: m.Offset / 4096, Path: m.Path})
		}
	}
	return out
}

func sortWords(w []uint64) { slices.Sort(w) }
func align16(n int) int    { return (n + 15) &^ 15 }

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
