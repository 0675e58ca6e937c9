// Package freeze turns a copy of a process into an image: a list of stages, in order.
package freeze

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"pyfreeze/image"
	"pyfreeze/pyheap"
	"pyfreeze/restore/behind"
	"pyfreeze/restore/captured"
	"pyfreeze/restore/guard"
	"pyfreeze/restore/libs"
	"pyfreeze/restore/memory"
	"pyfreeze/restore/prefix"
	"pyfreeze/restore/refuse"
	"pyfreeze/restore/script"
	"pyfreeze/restore/snapshot"
	"pyfreeze/restore/stub"
)

// Options tell what to make of a copy.
type Options struct {
	Output   string
	Recipe   string // path of a recipe; "" chooses a shipped one by loaded modules
	NoRecipe bool
	Allow    []string // kinds of offenders that are no reason to refuse
	KeepDead bool     // leave in the image what freed memory and dead stacks hold, for forensics
	At       string   // the point of a command, for people
	Again    bool     // a thaw runs the program again; else it goes on at its point
	Threads  bool     // a thaw has all threads of the copy
	// Plain is the command line of the program where the copied process has another, which runs it several times; nil else.
	Plain *snapshot.Start
	Tell  snapshot.Tell // may be nil
	// Reads is what the program has read before its point; nil where that is not known.
	Reads *prefix.Reads
	// Learned are modules whose code the copy has, for a thaw that imports them, and those whose
	// code it has not, and why.
	Learned []script.Module
	// Opened has the paths of files that were read while the program was warmed up, with a NUL
	// between; nil where that is not known.
	Opened io.Reader
	// Behind is what a run to the exit has changed in modules; nil where that is not known.
	Behind *behind.Report
	// Work is a directory of the warm-up, which goes with it; "" for none.
	Work string
	// Given is the command as it was given; nil for a process that ran already.
	Given *Given
	// Why tells why the point is not later.
	Why string
	// Strict has a thaw compare what is in each file, whatever its times say.
	Strict bool
	// Harmless says that a run like that of the command does nothing but write to its streams.
	Harmless bool
	// Anywhere asks for a *BoundError in place of an image that fits in one directory alone.
	Anywhere bool
}

// Given is a command as a user gave it, and what it executed before its interpreter.
type Given struct {
	Path     string   // what Words[0] names
	Words    []string // all of them
	Environ  []string
	Dir      string
	Wrappers []string // programs: env, a shell
}

// freezing is an image in the making.
type freezing struct {
	o    Options
	copy *snapshot.Copy
	at   string

	cmd    guard.Cmdline // as it was given
	plain  guard.Cmdline // as it would be given from anywhere
	start  snapshot.Start
	python string // the interpreter as the user called it, where it takes its home from there; ""

	heap    *pyheap.Heap
	walk    *pyheap.Walk
	target  *refuse.Target
	libs    []*libs.Library
	memory  *memory.Memory
	fds     refuse.FDs
	added   []string // arguments that a wrapper puts before the user's
	plainly []string // the wrapper that is the plain command: path and words; nil where there is none
	recipe  *script.Recipe
	found   []captured.Value
	copies  []captured.Copy
	envSet  []captured.EnvChange // variables that the program has changed
	behind  *behind.Report       // what the run has changed in modules; nil: not known
	note    string               // what a thaw says of it
	code    []byte               // the thaw script, where the copy has it not
	modes   [2]mode              // stub.ModeRun, stub.ModeResume
	guards  *guard.Guards
	stale   []string // files that were changed while the program ran
	meta    *Meta

	environs   []uint64 // addresses of dicts that have taken the environment
	generators []uint64 // addresses of objects that are to be seeded anew
	seeded     []uint32 // state of random._inst, where the program has seeded it; nil else
}

// mode is what a thaw does: `run`, or `run --resume`.
type mode struct {
	possible bool
	resume   bool // the program goes on; else it runs again
	use      refuse.Use
	config   []byte // what the thaw script is told
	pokes    []stub.Poke
	relock   uint64        // stub.Way
	why      *refuse.Error // where it is not possible
}

// stage is one step of a freeze.
type stage struct {
	name string
	run  func(*freezing, context.Context) error
}

// stages are in order: what reads the copy, then what changes it, then what writes it.
var stages = []stage{
	{"reading the command line", (*freezing).readCommand},
	{"walking the heap", (*freezing).walkHeap},
	{"looking for what cannot be cloned", (*freezing).refuse},
	{"choosing a recipe", (*freezing).chooseRecipe},
	{"looking for captured values", (*freezing).findCaptured},
	{"compiling the thaw script", (*freezing).compileScripts},
	{"noting the guards", (*freezing).makeGuards},
	{"describing the process", func(f *freezing, _ context.Context) error { f.describe(); return nil }},
	{"clearing dead memory", (*freezing).scrub},
	{"placing the memory", (*freezing).placeMemory},
	{"writing the image", (*freezing).write},
}

// Image writes an image of a copy, which it changes. Errors: *refuse.Error, *image.WriteError, those of ctx, which is not looked at while
// the image is written.
func Image(ctx context.Context, c *snapshot.Copy, o Options) (*Meta, error) {
	if o.Tell == nil {
		o.Tell = func(string, uint64, uint64) {}
	}
	f := &freezing{o: o, copy: c, at: o.At, start: c.Start}
	if o.Plain != nil {
		f.start = *o.Plain
	}
	defer f.close()
	var times []StageTime
	for _, s := range stages {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		o.Tell(s.name, 0, 0)
		begin := time.Now()
		if err := s.run(f, ctx); err != nil {
			return nil, err
		}
		times = append(times, StageTime{s.name, time.Since(begin)})
		if f.meta != nil {
			f.meta.Stages = times // the image tells of those before it was written
		}
	}
	return f.meta, nil
}

func (f *freezing) close() {
	if f.heap != nil {
		f.heap.Close()
	}
	libs.Close(f.libs)
}

// Writable fails early where the image could not be written. The error is an *image.WriteError.
func Writable(path string) error {
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
