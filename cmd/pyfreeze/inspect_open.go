package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pyfreeze/image"
	"pyfreeze/procmem"
	"pyfreeze/pyheap"
	"pyfreeze/restore/freeze"
	"pyfreeze/restore/snapshot"
	"pyfreeze/symbols"
)

// subject is an open target of inspect.
type subject struct {
	kind   string // "process", "core" or "image"
	target string // as it was given
	pid    int    // 0 when not known
	args   []string
	cwd    string // "" when not known
	heap   *pyheap.Heap
	in     *symbols.Interpreter
	lay    *symbols.Layout
	space  *procmem.Space
	native []nativeThread
	meta   *freeze.Meta // of an image

	stopped   time.Duration // of a process
	unsettled string        // why objects may be half-changed; "" when they are not
	missing   []string      // files whose memory the core lacks
	lacks     string        // what else it lacks, in words
	signal    *procmem.CoreSignal
	closers   []func() error
}

// nativeThread is a thread of the kernel.
type nativeThread struct {
	tid   int
	name  string // "" when not known
	state string // a letter of proc(5); "" when not known
	regs  unix.PtraceRegs
}

// stacks gives the stack pointers of the threads.
func (s *subject) stacks() (out []procmem.Addr) {
	for i := range s.native {
		out = append(out, procmem.Addr(s.native[i].regs.Rsp))
	}
	return out
}

func (s *subject) close() {
	for _, c := range slices.Backward(s.closers) {
		_ = c() // only read
	}
}

// openSubject opens a process, a core file or an image.
func openSubject(ctx context.Context, target string, timeout time.Duration, p *progress) (_ *subject, err error) {
	s := &subject{target: target}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	fetching := symbols.WithProgress(ctx, p.step)
	pid, numErr := strconv.Atoi(target)
	switch {
	case numErr == nil && pid > 0:
		err = s.openProcess(ctx, pid, timeout, p)
	case numErr == nil:
		err = &usageError{fmt.Errorf("%q is not a process id", target)}
	default:
		err = s.openFile(fetching, p)
	}
	if s.in != nil && s.in.Version.Newer() {
		p.end()
		fmt.Fprintf(os.Stderr, "pyfreeze: warning: Python %v is newer than 3.%d, the newest that pyfreeze "+
			"knows; it is read as that is, and what is shown may be wrong\n", s.in.Version, symbols.NewestMinor)
	}
	if err != nil {
		return nil, s.lacking(err)
	}
	if s.heap, err = pyheap.Open(s.space, s.in, s.lay); err != nil {
		return nil, s.lacking(err)
	}
	s.closers = append(s.closers, s.heap.Close)
	s.heap.UseContext(fetching)
	if s.kind == "core" {
		if args := s.origArgv(); len(args) > 0 {
			s.args = args // the core has but the start of it, gcore's but the program's name
		}
	}
	return s, nil
}

func (s *subject) openProcess(ctx context.Context, pid int, timeout time.Duration, p *progress) error {
	s.kind, s.pid = "process", pid
	var snap *snapshot.Inspection
	err := interruptible(ctx, func(ctx context.Context) (err error) {
		snap, err = snapshot.Inspect(ctx, pid, timeout, p.step)
		return err
	})
	if err != nil {
		return err
	}
	s.closers = append(s.closers, snap.Close)
	s.in, s.lay, s.space, s.stopped, s.unsettled = snap.Interp, snap.Layout, snap.Space, snap.Stopped, snap.Unsettled
	for _, t := range snap.Threads {
		task := snap.Tasks[t.Tid]
		s.native = append(s.native, nativeThread{t.Tid, task.Name, task.State, t.Regs})
	}
	// They may be gone by now, and the answer is still worth having.
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && len(b) > 0 {
		s.args = strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
	}
	s.cwd, _ = os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	return nil
}

// openFile opens a core file or an image, which is a core file, too.
func (s *subject) openFile(ctx context.Context, p *progress) error {
	s.kind = "core"
	p.step("opening "+s.target, 0, 0)
	core, err := procmem.LoadCore(s.target)
	if err != nil {
		return err
	}
	s.closers = append(s.closers, core.Close)
	if core.Image {
		s.kind = "image"
		if err := s.readMeta(); err != nil {
			return err
		}
	}
	s.space, s.pid = core.Space, core.Pid
	s.lacks, s.signal = core.Lacks.String(), core.Signal
	var maps []procmem.Mapping
	for _, seg := range core.Space.Segments() {
		maps = append(maps, seg.Mapping)
	}
	if s.in, err = symbols.Identify(maps, core.Space); err != nil {
		var replaced *symbols.ReplacedError
		if errors.As(err, &replaced) {
			return &otherBuildError{s.target, replaced}
		}
		return err
	}
	s.closers = append(s.closers, s.in.Module.File.Close)
	p.step("reading debug information", 0, 0)
	if s.lay, err = symbols.LoadLayoutContext(ctx, s.in.Module.File); err != nil {
		return err
	}
	for _, t := range core.Threads {
		s.native = append(s.native, nativeThread{tid: t.Tid, regs: t.Regs})
	}
	for _, f := range core.Files {
		if f.Err != nil && !slices.Contains(s.missing, f.Path) {
			s.missing = append(s.missing, f.Path)
		}
	}
	if s.kind == "core" {
		return s.checkSettled(core.Psargs)
	}
	return nil
}

func (s *subject) readMeta() error {
	im, err := image.Open(s.target)
	if im != nil {
		defer im.Close()
	}
	if err != nil {
		return err
	}
	if s.meta, err = freeze.ReadMeta(im); err != nil {
		return err
	}
	s.args, s.cwd = s.meta.Args, s.meta.Cwd
	return nil
}

// checkSettled looks whether a core file was taken of a safe point.
func (s *subject) checkSettled(psargs string) error {
	st, err := pyheap.ReadState(s.space, s.in, s.lay)
	switch {
	case err != nil:
		return err
	case st.Finalizing:
		s.unsettled = "the interpreter was shutting down"
	case st.GCCollecting:
		s.unsettled = "a garbage collection was running"
	case st.GILLocked:
		s.unsettled = "a thread was running Python code when the core was taken"
	}
	if psargs = strings.TrimSpace(psargs); psargs != "" {
		s.args = strings.Fields(psargs)
	}
	return nil
}

// origArgv reads the command line that Python itself keeps (3.10 and later).
func (s *subject) origArgv() []string {
	list, err := s.heap.Lookup("sys.orig_argv")
	if err != nil {
		return nil
	}
	items, err := s.heap.ListItems(list, 1<<12)
	if err != nil {
		return nil
	}
	var out []string
	for _, it := range items {
		text, err := s.heap.Str(it)
		if err != nil {
			return nil
		}
		out = append(out, text)
	}
	return out
}

// lacking says of an error what the core lacks, which is the likely cause.
func (s *subject) lacking(err error) error {
	var replaced *otherBuildError
	if s.lacks == "" || errors.As(err, &replaced) {
		return err
	}
	return &lackingError{s.target, s.lacks, s.signal, err}
}

// lackingError says that a core file lacks the memory that an answer is made of.
type lackingError struct {
	target, lacks string
	signal        *procmem.CoreSignal
	err           error
}

func (e *lackingError) Error() string {
	text := e.target + " cannot be read: " + e.lacks
	if e.signal != nil {
		text += fmt.Sprintf("; what it tells: thread %d got %v", e.signal.Tid, e.signal)
	}
	return text
}

func (e *lackingError) Unwrap() error { return e.err }

// otherBuildError says that a core file or image was taken of another build of a file than is installed.
type otherBuildError struct {
	target string
	err    *symbols.ReplacedError
}

func (e *otherBuildError) Error() string {
	return fmt.Sprintf("%s was taken of another %s than there is here: %s; put the one that it was taken of in that place",
		e.target, e.err.Path, e.err.Reason)
}

func (e *otherBuildError) Unwrap() error { return e.err }
