package freeze

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"pyfreeze/pyheap"
	"pyfreeze/restore/captured"
	"pyfreeze/restore/guard"
	"pyfreeze/restore/libs"
	"pyfreeze/restore/memory"
	"pyfreeze/restore/refuse"
	"pyfreeze/restore/script"
	"pyfreeze/restore/snapshot"
	"pyfreeze/restore/stub"
)

// readCommand takes the command line apart.
func (f *freezing) readCommand(context.Context) (err error) {
	f.cmd, err = guard.ParseCmdline(f.start.Argv)
	if err != nil {
		return &refuse.Error{Offenders: []refuse.Offender{{What: err.Error(), Remedy: "give the command of a script or module"}}}
	}
	if err := f.readWrapper(); err != nil {
		return err
	}
	f.plain = f.cmd
	if s := f.cmd.Script(); s != "" && !filepath.IsAbs(s) {
		// Where the thawed process starts may be elsewhere. As _Py_abspath does: "x/../y" is not y
		// where x is a link.
		dir := strings.TrimSuffix(f.start.Cwd, "/") + "/"
		f.plain.What = []string{dir + strings.TrimPrefix(s, "./")}
	}
	return nil
}

// walkHeap finds all objects.
func (f *freezing) walkHeap(ctx context.Context) (err error) {
	c := f.copy
	if f.heap, err = pyheap.Open(c.Space, c.Interp, c.Layout); err != nil {
		return err
	}
	f.heap.UseContext(ctx)
	var stacks []pyheap.Addr
	for i := range c.Threads {
		stacks = append(stacks, pyheap.Addr(c.Threads[i].Regs.Rsp))
	}
	if f.walk, err = f.heap.Walk(pyheap.WalkOptions{Stacks: stacks}); err != nil {
		return err
	}
	if f.target, err = refuse.NewTarget(f.heap, f.walk, c.Space, c.Layout, c.Interp.Bias); err != nil {
		return err
	}
	f.libs, err = libs.Load(c.Maps, c.Space, c.Interp.Exe)
	return err
}

// refuse looks for what a thaw could not bring back, in each mode. It fails where none is left.
func (f *freezing) refuse(context.Context) error {
	command := f.ofCommand()
	f.modes[stub.ModeRun] = mode{possible: true, resume: command && !f.o.Again}
	f.modes[stub.ModeResume] = mode{possible: !command, resume: true}
	shared := memory.Unshareable(f.copy.Maps, f.copy.Uncopied)
	var first *refuse.Error
	for i := range f.modes {
		m := &f.modes[i]
		if !m.possible {
			continue
		}
		m.use = refuse.Use{Again: !m.resume, Threads: f.o.Threads || m.resume && f.copy.Kind != snapshot.Forked, Allow: f.o.Allow}
		fds, out := f.target.Descriptors(f.copy, m.use)
		out = slices.Concat(out, f.target.Find(f.copy, f.libs, shared, m.use), f.fixedState(!m.resume))
		if !m.resume {
			out = append(out, f.wayOfStart()...)
			pokes, err := f.rerunPokes()
			if err != nil {
				return err
			}
			m.pokes = slices.Concat(fds.Pokes, f.target.BufferLocks(), pokes)
			if f.copy.Kind != snapshot.Forked && !m.use.Threads {
				if pokes, err = f.withoutOthers(); err != nil {
					return err
				}
				m.pokes = append(m.pokes, pokes...)
				out = append(out, f.target.Unsafe(f.copy, f.libs)...)
			}
		}
		// A thread that was about to give the GIL away takes it once more for the script.
		if c := f.copy; c.Dropping && c.GILHolder == c.Threads[0].Tid {
			locked, err := f.gilLocked()
			if err != nil {
				return err
			}
			m.pokes = append(m.pokes, stub.Poke{Addr: uint64(locked), Size: 4})
			m.relock = uint64(locked)
		}
		if len(out) > 0 {
			m.possible, m.why = false, &refuse.Error{Offenders: out}
			if first == nil {
				first = m.why
			}
			continue
		}
		f.fds = fds // those of a program that goes on are all
	}
	if !f.modes[0].possible && !f.modes[1].possible {
		return first
	}
	return nil
}

// ofCommand says whether pyfreeze has started what was copied; else it ran already.
func (f *freezing) ofCommand() bool { return f.copy.Kind == snapshot.Forked || f.o.At != "" }

// wayOfStart refuses ways to start an interpreter that running a program again does not do.
func (f *freezing) wayOfStart() []refuse.Offender {
	inspects := slices.ContainsFunc(f.start.Environ, func(e string) bool {
		v, ok := strings.CutPrefix(e, "PYTHONINSPECT=")
		return ok && v != ""
	})
	switch {
	case f.embedded():
		return []refuse.Offender{{What: "an interpreter that another program has within it: what that does first cannot be done again",
			Remedy: "go on with it by run --resume"}}
	case f.config("inspect") != 0 || f.cmd.HasOption('i') || inspects && f.config("use_environment") != 0:
		return []refuse.Offender{{What: "an interpreter that reads commands when its program has ended", Remedy: "start it without -i and PYTHONINSPECT"}}
	case f.config("skip_source_first_line") != 0:
		return []refuse.Offender{{What: "an interpreter that leaves out the first line of its program", Remedy: "start it without -x"}}
	}
	return nil
}

// embedded says whether the interpreter was told of no script, module or code to run, as by a
// program that has it within.
func (f *freezing) embedded() bool {
	known := false
	for _, name := range []string{"run_filename", "run_module", "run_command"} { // 3.8 (PEP 587)
		at, _, err := f.target.Field(f.target.Interp, "PyInterpreterState", "config."+name)
		if err != nil {
			continue
		}
		if p, err := f.copy.Space.U64(at); err != nil || p != 0 {
			return false
		}
		known = true
	}
	return known
}

// config reads a number of PyInterpreterState.config: options, variables and files of the start went into that. 0 where there is none.
func (f *freezing) config(name string) int32 {
	at, _, err := f.target.Field(f.target.Interp, "PyInterpreterState", "config."+name)
	if err != nil {
		return 0
	}
	v, err := f.copy.Space.I32(at)
	if err != nil {
		return 0
	}
	return v
}

func (f *freezing) chooseRecipe(context.Context) (err error) {
	f.recipe, err = script.Choose(f.o.Recipe, f.o.NoRecipe, f.o.Reads != nil, f.heap)
	return err
}

// findCaptured looks for what the program copied of its start.
func (f *freezing) findCaptured(context.Context) (err error) {
	facts := captured.ReadFacts(f.copy.PID, f.start.Cwd, f.cmd, f.start.Environ, f.heap)
	f.copies = captured.Copies(f.heap, f.walk)
	if err := f.findDirectory(); err != nil {
		return err
	}
	f.findGenerators()
	if r := f.o.Reads; r != nil && r.AllEnv {
		f.environs = captured.Environs(f.heap, f.walk, f.start.Environ)
		if captured.CopiedEnviron(f.heap, f.walk, f.start.Environ) {
			for _, name := range []string{"SHLVL", "PWD", "OLDPWD"} { // not _: it names what is run
				r.Env[name] = true
			}
		}
	}
	f.found, err = captured.Find(f.heap, f.walk, facts, f.recipe.Fixes, f.copies)
	return err
}

// compileScripts compiles the thaw script for each way to run the image.
func (f *freezing) compileScripts(ctx context.Context) error {
	cfg, err := script.NewConfig(f.heap, f.walk, f.plain, f.start.Cwd, f.start.Environ, f.recipe, f.copies)
	if err != nil {
		return err
	}
	if len(f.plainly) > 0 && f.byShell() {
		cfg.Changes = slices.DeleteFunc(cfg.Changes, func(c captured.EnvChange) bool {
			return ofShell(string(c.Name))
		})
	}
	cfg.Put = f.putOnly(cfg.Changes)
	if cfg.Environs = len(f.environs); cfg.Environs > 0 {
		cfg.Shell = map[string]*string{}
		for _, name := range []string{"_", "SHLVL", "PWD", "OLDPWD", "PYFREEZE_LOG"} {
			cfg.Shell[name] = guard.Lookup(f.start.Environ, name)
		}
	}
	f.envSet = slices.Concat(cfg.Changes, cfg.Put)
	cfg.SafePath = f.config("isolated") != 0 || f.config("safe_path") != 0 // safe_path: 3.11 (gh-57684)
	cfg.Attached, cfg.PID = !f.ofCommand(), f.copy.OwnPID
	cfg.Script = f.cmd.Script()
	cfg.Generators, cfg.Seeded = len(f.generators) > 0, f.seeded
	cfg.Learned = f.copy.Learned != 0
	_, noHooks := f.heap.Lookup(snapshot.HooksModule)
	cfg.BufferedStdio = f.config("buffered_stdio") != 0
	cfg.Ignored = f.start.Ignored
	for fd := range cfg.TTYs {
		cfg.TTYs[fd] = isTerminal(f.copy.PID, fd)
	}
	f.python = f.executable()
	if len(homeFiles(f.python)) > 0 {
		f.plain.Interp = append([]string{f.python}, f.plain.Interp[1:]...) // they are found from there, wherever the command is given
	}
	exe, err := f.compiler(ctx)
	if err != nil {
		return err
	}
	if err := f.findLeftBehind(ctx, exe); err != nil {
		return err
	}
	if f.copy.Script == 0 {
		if f.code, err = script.Code(ctx, exe, f.start.Environ); err != nil {
			return err
		}
	}
	for i := range f.modes {
		m := &f.modes[i]
		if !m.possible {
			continue
		}
		cfg.Resume, cfg.Threads = m.resume, m.use.Threads
		cfg.Hooks = noHooks == nil && !(cfg.Attached && m.resume) // its functions before have not run there
		name := ""
		if !m.resume {
			name = f.plain.Script()
		}
		m.config, err = script.Compile(ctx, exe, f.recipe, name,
			int(f.config("optimization_level")), f.start.Environ, cfg)
		if err != nil {
			return err
		}
	}
	return nil
}

// executable returns what sys.executable was, if it leads to the interpreter: that takes its home from where it lies, as in a
// virtual environment.
func (f *freezing) executable() string {
	a, err := f.heap.Lookup("sys.executable")
	if err != nil {
		return ""
	}
	path, err := f.heap.Str(a)
	if err != nil || !filepath.IsAbs(path) {
		return ""
	}
	if real, err := filepath.EvalSymlinks(path); err != nil || real != f.copy.Interp.Exe {
		return ""
	}
	return path
}
