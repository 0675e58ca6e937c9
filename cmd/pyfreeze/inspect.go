package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
)

// inspectFlags are the flags that all inspect commands share.
type inspectFlags struct {
	json    bool
	timeout time.Duration
	verbose bool
}

func newInspect() *cobra.Command {
	f := &inspectFlags{}
	c := &cobra.Command{
		Use:   "inspect COMMAND TARGET [ARGS]",
		Short: "Look into a running Python process, a core file or an image",
		Long: `Look into the interpreter of a running Python process, a core file or an image. The
answers are the same for all three.

TARGET is a process id, or the path of a core file (from gcore or the kernel) or of an
image; a file whose name is a number is written ./123. A core file may be compressed (zstd, lz4,
xz, gzip, bzip2) or cut short: then what it has is shown, and a line on stderr says what it lacks.

Nothing of this runs code in the process, and nothing in it changes. It is stopped for
milliseconds, while a copy-on-write copy of it is made, and the copy is read. Where it comes
to no safe point within --timeout (it is stuck in C code, or it is ending), it is
copied as it is, and a line on stderr says so: a few objects may be half-changed.`,
		Example: `  pyfreeze inspect summary 4711
  pyfreeze inspect threads core.4711
  pyfreeze inspect types hg.pyfreeze --sort bytes --limit 10
  pyfreeze inspect show 4711 "sys.modules['os'].environ"
  pyfreeze inspect struct 4711 PyThreadState 0x7f3a5c0012d0`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return &usageError{fmt.Errorf("inspect has no command %q", args[0])}
		},
	}
	p := c.PersistentFlags()
	p.BoolVar(&f.json, "json", false, "print JSON, of the form that docs/inspect.md describes")
	p.DurationVar(&f.timeout, "timeout", time.Second, "how long to wait for a safe point of a busy process")
	p.BoolVarP(&f.verbose, "verbose", "v", false, "say what is being done")
	c.AddCommand(newInspectSummary(f), newInspectModules(f), newInspectTypes(f), newInspectHeap(f), newInspectShow(f), newInspectThreads(f), newInspectLocks(f), newInspectTasks(f), newInspectFind(f), newInspectStruct(f), newInspectWord(f))
	return c
}

// inspection is what a subcommand does with an open target: it gives the value that --json prints and
// a function that writes the same as text.
type inspection func(s *subject, p *progress) (value any, text func(w io.Writer), err error)

// runInspect opens the target, runs an inspection and prints what it gives.
func runInspect(cmd *cobra.Command, f *inspectFlags, target string, do inspection) error {
	p := newProgress(f.verbose)
	s, err := openSubject(cmd.Context(), target, f.timeout, p)
	if err != nil {
		p.end()
		var stopped *interruptError
		if errors.As(err, &stopped) {
			fmt.Fprintln(os.Stderr, "pyfreeze: "+oneLine(err))
			dieOf(stopped.sig)
		}
		return err
	}
	defer s.close()
	value, text, err := do(s, p)
	if gone := s.space.Err(); gone != nil && err == nil {
		err = fmt.Errorf("the copy of process %s cannot be read: %w", target, gone)
	}
	p.end()
	if s.unsettled != "" {
		fmt.Fprintln(os.Stderr, "pyfreeze: note: the heap may be in the middle of a change: "+printable(oneLine(errors.New(s.unsettled))))
	}
	if s.lacks != "" && err == nil {
		fmt.Fprintln(os.Stderr, "pyfreeze: note: "+s.lacks)
	}
	if err != nil {
		return s.lacking(err)
	}
	if f.json {
		return writeJSON(os.Stdout, value)
	}
	out := &printer{w: os.Stdout}
	text(out)
	return out.err
}

// targetArgs checks the number of arguments of a subcommand.
func targetArgs(low, high int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < low || len(args) > high {
			return &usageError{fmt.Errorf("inspect %s takes %s", cmd.Name(), what)}
		}
		return nil
	}
}

// printer keeps the first error of many writes.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) Write(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	n, err := p.w.Write(b)
	p.err = err
	return n, err
}
