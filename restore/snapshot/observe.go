package snapshot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/restore/guard"
	"pyfreeze/restore/prefix"
	"pyfreeze/tracer"
)

// observer watches what a command does to the outside, and what it reads from it.
type observer struct {
	c     *Command
	mem   *pages // of the command; it forgets at each stop
	state *pyheap.StateReader
	stack *stackReader
	proc  *prefix.Process
	reads *prefix.Reads // nil: not noted

	argv     procmem.Addr    // ob_size of sys.argv's list
	orig     procmem.Addr    // and of sys.orig_argv's (3.10); 0: there is none
	environ  procmem.Addr    // the dict of os.environ; 0: not watched
	keys     procmem.Addr    // its table of keys, which is watched
	moved    bool            // it has another
	maps     bool            // to be told of code that is mapped
	mapped   bool            // some was
	unheard  bool            // a thread of a library has mapped some
	streams  [2]procmem.Addr // the text streams of standard output and error; 0: none
	replaced []procmem.Addr  // what the program has put in their place
	library  string          // directory of the standard library, with a slash behind
	own      string          // directory of the script, with a slash behind; "" for none
	asked    bool            // the program has asked for its working directory
	observes bool            // this run notes what asks for the directory
	effect   string          // of the call that stopped it
	threads  bool            // those of libraries are watched, too
	inThread bool            // one of these makes that call
	known    map[procmem.Addr]Place
	takers   map[string]bool // lines that have taken all variables
}

// newObserver prepares to watch a command that is about to run its program. Precondition:
// UseLayout was called.
func newObserver(c *Command) (*observer, error) {
	o := &observer{c: c, mem: newPages(c.live), known: map[procmem.Addr]Place{},
		takers: map[string]bool{}}
	var err error
	if o.state, err = pyheap.NewStateReader(c.in, c.lay); err != nil {
		return nil, err
	}
	if o.stack, err = newStackReader(c.in, c.lay, o.mem); err != nil {
		return nil, err
	}
	o.proc = &prefix.Process{PID: c.p.PID(), Mem: o.mem, Inherited: c.start.FDs,
		Streams: c.streams,
		Threads: func() bool { return o.stack.others(o.tstate()) }}
	return o, nil
}

// tstate returns the thread state of Python that has the GIL, or had it last.
func (o *observer) tstate() procmem.Addr {
	holder, err := o.state.Holder(o.mem)
	if err != nil {
		return 0
	}
	return holder
}

// find looks for sys.argv and os.environ, which the initialised interpreter has.
func (o *observer) find() error {
	o.c.keepHeap()
	h, done, err := o.c.heap()
	if err != nil {
		return err
	}
	defer done()
	list, err := h.Lookup("sys.argv")
	if err != nil {
		return err
	}
	size, err := o.c.lay.Field("PyVarObject", "ob_size")
	if err != nil {
		return err
	}
	o.argv = procmem.Addr(list) + procmem.Addr(size.Offset)
	text, err := h.Lookup("_io.TextIOWrapper")
	binary, err2 := h.Lookup("_io.BufferedWriter")
	if err == nil && err2 == nil {
		o.stack.textType, o.stack.bufferType = procmem.Addr(text), procmem.Addr(binary)
	}
	for i, name := range []string{"sys.stdout", "sys.stderr"} {
		if stream, err := h.Lookup(name); err == nil {
			o.streams[i] = procmem.Addr(stream)
		}
	}
	if list, err := h.Lookup("sys.orig_argv"); err == nil {
		o.orig = procmem.Addr(list) + procmem.Addr(size.Offset)
	}
	if cl, err := guard.ParseCmdline(o.c.start.Argv); err == nil && cl.Script() != "" {
		o.own = strings.TrimSuffix(cl.Path0(o.c.start.Cwd), "/") + "/"
	}
	if file, err := h.Lookup("os.__file__"); err == nil {
		if path, err := h.Str(file); err == nil {
			o.library = path[:strings.LastIndexByte(path, '/')+1]
		}
	}
	if dict, err := h.Lookup("posix.environ"); err == nil { // os.environ is a view of it
		o.environ = procmem.Addr(dict)
	}
	return nil
}

// watchEnviron watches the table of keys of os.environ, of which each look-up reads the size.
func (o *observer) watchEnviron(n int) error {
	if o.environ == 0 {
		return nil
	}
	keys := o.stack.word(o.environ, o.stack.keys)
	if o.moved = false; keys == o.keys {
		return nil // it is watched
	}
	o.keys = keys
	for _, name := range []string{"dk_log2_size", "dk_size"} { // 3.11; until 3.10
		if o.c.lay.Has("PyDictKeysObject", name) {
			f, err := o.c.lay.Field("PyDictKeysObject", name)
			if err != nil {
				return err
			}
			at := (o.keys + procmem.Addr(f.Offset)) &^ 1
			return o.c.p.SetWatch(n, at, tracer.WatchAccess)
		}
	}
	return nil
}

// wants is asked for each system call. It runs on the thread that traces.
func (o *observer) wants(call *tracer.Call) bool {
	o.mem.forget()
	if !call.Done {
		o.effect = o.effectOf(call)
		return o.effect != ""
	}
	o.asked = o.asked || o.asksDirectory(call)
	if o.reads == nil {
		return false
	}
	o.note(call)
	o.moved = o.environ != 0 && o.keys != 0 && o.stack.word(o.environ, o.stack.keys) != o.keys
	o.mapped = o.maps && mapsCode(call)
	return o.moved || o.mapped
}

// mapsCode says whether a call has mapped code of a file.
func mapsCode(call *tracer.Call) bool {
	return call.Nr == unix.SYS_MMAP && call.Result > 0 && call.Args[2]&unix.PROT_EXEC != 0 &&
		call.Args[3]&unix.MAP_ANONYMOUS == 0
}

// effectOf says what the program must not have done before its point, and is about to do; "" for
// nothing.
func (o *observer) effectOf(call *tracer.Call) string {
	if effect := o.proc.Effect(call); effect != "" {
		return effect
	}
	if o.readsArguments(call) {
		return readsArguments
	}
	if path := o.readsMoment(call); path != "" {
		return "reads " + path + ", which changes at any moment"
	}
	if o.asksDirectory(call) {
		if o.c.anywhere && !o.mayAsk() {
			return asksDirectory
		}
		if o.observes {
			o.asking()
		}
	}
	if path := o.looksHere(call); path != "" {
		return "looks at " + path + " in its working directory"
	}
	if o.draws(call) {
		return "draws random numbers from the system"
	}
	if o.asksProcess(call) {
		return "asks for its process id"
	}
	if what := o.proc.Handles(call); what != "" && o.library != "" {
		if _, _, ok := o.newest(); ok {
			return what
		}
	}
	return o.asksPlace(call)
}

// asksPlace says which question about its place among processes and terminals a program is about
// to ask: each run has another. Libraries that are loaded ask for themselves.
func (o *observer) asksPlace(call *tracer.Call) string {
	what := o.proc.Place(call)
	if what == "" || o.library == "" {
		return ""
	}
	f, file, ok := o.newest()
	if !ok || imports(file) {
		return ""
	}
	if what == prefix.Modes && !o.stack.uses(f.code, "tcgetattr") {
		return "" // isatty() asks the same, and looks whether there are any
	}
	return what
}

// newest returns the frame of Python at work, and its file; false where the interpreter itself is.
func (o *observer) newest() (f pyFrame, file string, ok bool) {
	frames := o.stack.frames(o.tstate(), 1)
	if len(frames) == 0 {
		return pyFrame{}, "", false
	}
	return frames[0], o.stack.file(frames[0].code), true
}

// imports says whether a file is the importer's: of the interpreter, or of a library in C that is
// being loaded.
func imports(file string) bool { return strings.HasPrefix(file, "<frozen importlib") }

// note adds what a call has read to what is known; nothing, where the interpreter itself made it.
func (o *observer) note(call *tracer.Call) {
	if prefix.ReadsNothing(call) {
		return
	}
	_, file, ok := o.newest()
	if !ok {
		return
	}
	if prefix.Asks(call) {
		if asker, _ := o.who(); asker != "" && prefix.Again(call, asker) {
			return
		}
	}
	if prefix.AsksSize(call) && o.dropped() {
		return
	}
	what := o.reads.Note(o.proc, call, imports(file))
	if what == "" {
		return
	}
	asks := what == prefix.AskedCwd || o.library != "" && o.importsHere(call)
	if o.reads.Who[what] == "" || asks {
		_, who := o.who()
		o.reads.By(what, who)
		if asks {
			o.reads.Askers[who] = true
		}
	}
	if o.reads.Files[what]&prefix.Told == 0 && o.takesStatus(call) {
		o.reads.Files[what] |= prefix.Told
	}
}

// helpers are files of functions that read for others.
var helpers = []string{"<frozen ", "/posixpath.py", "/genericpath.py", "/os.py", "/pathlib.py",
	"/_collections_abc.py", "/contextlib.py"}

// who says which file of Python is at work, and file and line as one text: of the newest frame
// that is no helper's; of the newest where all are, and "" where there is none.
func (o *observer) who(more ...string) (asker, at string) {
	const most = 12
	more = append(more, helpers...)
	for _, f := range o.stack.frames(o.tstate(), most) {
		file := o.stack.file(f.code)
		helps := slices.ContainsFunc(more, func(h string) bool {
			return strings.HasPrefix(file, h) || strings.HasSuffix(file, h)
		})
		self := strings.HasPrefix(file, "<frozen site") || strings.HasPrefix(file, "<frozen runpy")
		if at == "" || !helps || self {
			asker, at = file, fmt.Sprintf("%s:%d", file, o.stack.lineAt(f))
		}
		if !helps || self {
			return asker, at
		}
	}
	return asker, at
}

const (
	readsArguments = "reads its arguments"
	asksDirectory  = "asks for its working directory"
)

// readsMoment returns the path of what the program is about to read that changes at any moment; ""
// for none.
func (o *observer) readsMoment(call *tracer.Call) string {
	path, lists := o.proc.Opens(call), o.proc.Lists(call)
	if path == "" && lists == "" || o.library == "" {
		return ""
	}
	if _, file, ok := o.newest(); !ok || imports(file) {
		return ""
	}
	if lists != "" {
		return lists
	}
	module := ""
	for _, f := range o.stack.frames(o.tstate(), 12) {
		if o.stack.name(f.code) == "<module>" {
			module = o.stack.file(f.code)
			break
		}
	}
	return prefix.Volatile(path, module)
}

// draws says whether the program takes random numbers from the system, for a token or a name: not a
// seed of the random module's generators, which are seeded anew, nor that of numpy's own.
func (o *observer) draws(call *tracer.Call) bool {
	const seed = 624 * 4 // random_seed_urandom() of Modules/_randommodule.c
	device := call.Nr != unix.SYS_GETRANDOM &&
		slices.Contains([]string{"/dev/urandom", "/dev/random"}, o.proc.Opens(call))
	if !device && (call.Nr != unix.SYS_GETRANDOM || call.Args[1] == seed) || o.library == "" {
		return false
	}
	f, file, ok := o.newest()
	if !ok {
		return false
	}
	if device {
		return !imports(file)
	}
	for _, name := range []string{"urandom", "_urandom", "getrandom"} {
		if o.stack.uses(f.code, name) {
			asker, _ := o.who("/random.py", "/secrets.py")
			return !strings.Contains(asker, "/numpy/random/") && // recipes/numpy.py
				// original_dir() of script/thaw_cold.py
				!strings.HasSuffix(asker, "/multiprocessing/process.py")
		}
	}
	return false // a library of C does
}

// asksProcess says whether the program asks for its process id, or its parent's, which are others
// in a thaw. The standard library and libraries in C do so to notice a fork.
func (o *observer) asksProcess(call *tracer.Call) bool {
	name := map[uint64]string{unix.SYS_GETPID: "getpid", unix.SYS_GETPPID: "getppid"}[call.Nr]
	if name == "" || o.library == "" {
		return false
	}
	f, file, ok := o.newest()
	if !ok {
		return false
	}
	inside := strings.HasPrefix(file, o.library) && !strings.Contains(file, "-packages/")
	return !inside && !strings.HasPrefix(file, "<frozen ") && o.stack.uses(f.code, name) &&
		!prefix.Again(call, file)
}

// readsArguments says whether a call opens the command line as the kernel tells it.
func (o *observer) readsArguments(call *tracer.Call) bool {
	path := o.proc.Opens(call)
	return path == "/proc/self/cmdline" || path == fmt.Sprintf("/proc/%d/cmdline", o.proc.PID)
}

// proceed lets the command run to its next event.
func (o *observer) proceed(ctx context.Context) (ev tracer.Stop, err error) {
	o.c.dropHeap()
	for {
		if o.threads {
			ev, err = o.c.p.ContinueThreads(time.Now().Add(slice), o.wantsOf)
		} else {
			ev, err = o.c.p.ContinueToStop(time.Now().Add(slice), o.wants)
		}
		o.mem.forget()
		switch {
		case errors.Is(err, tracer.ErrStepTimeout):
			if ctx.Err() != nil {
				return ev, ctx.Err()
			}
		case err != nil:
			return ev, o.c.ended(err, "did not come to its point")
		default:
			if ev.Exec {
				o.c.planted = false
			}
			return ev, nil
		}
	}
}

// argumentsRead says whether what has just read sys.argv makes a difference: not the collector,
// nor runpy, nor what takes sys.argv[0] alone, which is the program's own name.
func (o *observer) argumentsRead() bool {
	st, err := o.state.Read(o.mem)
	if err != nil || st.GCCollecting {
		return false
	}
	frames := o.stack.frames(st.GILHolder, 1)
	if len(frames) == 0 {
		return true
	}
	file := o.stack.file(frames[0].code)
	if file == "<frozen runpy>" || file == o.library+"runpy.py" {
		return false
	}
	return !o.stack.firstItem(frames[0])
}

// variableRead notes which variables of os.environ were looked for.
func (o *observer) variableRead() {
	st, err := o.state.Read(o.mem)
	if err != nil || st.GCCollecting || o.reads == nil {
		return
	}
	frames := o.stack.frames(st.GILHolder, 1)
	if len(frames) == 0 {
		return // the interpreter itself
	}
	f, name := frames[0], ""
	if file := o.stack.file(f.code); strings.HasSuffix(file, "/os.py") || file == "<frozen os>" {
		switch o.stack.name(f.code) {
		case "__setitem__", "__delitem__":
			return // a change: its name is a guard in any case
		case "__getitem__":
			const key = 1 // self is the first
			if name = o.stack.code.chars(o.stack.local(f, key)); o.reads.Env[name] {
				return
			}
		}
	}
	_, who := o.who()
	if o.takers[who] || prefix.SizeVariables[name] && o.dropped() {
		return // what takes one after the other, or keeps nothing
	}
	if isVariable(name) {
		o.reads.Env[name] = true
		o.reads.By(name, who)
		return
	}
	o.reads.AllEnv, o.takers[who] = true, true
	o.reads.By("*", who)
}

// dropped says whether what is told of a terminal's size goes to a function that keeps nothing of
// it.
func (o *observer) dropped() bool {
	const most = 12
	for _, f := range o.stack.frames(o.tstate(), most) {
		drops, leads := prefix.Drops(o.stack.file(f.code), o.stack.name(f.code))
		if drops || !leads {
			return drops
		}
	}
	return false
}

// isVariable says whether a text can be the name of a variable of the environment.
func isVariable(name string) bool {
	return name != "" && !strings.ContainsAny(name, "=\x00 *")
}

// place describes a frame.
func (o *observer) place(f pyFrame) Place {
	p, ok := o.known[f.code]
	if !ok {
		p = Place{File: o.stack.file(f.code), Name: o.stack.name(f.code),
			First: o.stack.line(f.code)}
		o.known[f.code] = p
	}
	p.at, p.exact = f.at, f.exact
	return p
}

// places describes the Python stack.
func (o *observer) places() (out []Place) {
	const most = 1 << 12
	for _, f := range o.stack.frames(o.tstate(), most) {
		p := o.place(f)
		p.Line, p.start = o.stack.lineAt(f), o.stack.lineStart(f)
		out = append(out, p)
	}
	return out
}
