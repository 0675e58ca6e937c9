package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"pyfreeze/image"
	"pyfreeze/restore/freeze"
)

func oneImage(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return &usageError{fmt.Errorf("%s takes one image", cmd.Name())}
	}
	return nil
}

func newInfo() *cobra.Command {
	var asJSON, modules, captured, guards, imports, random, opaque, left bool
	var co capturedOptions
	var types int
	c := &cobra.Command{
		Use:   "info IMAGE",
		Short: "Show what is in an image",
		Long: `Show what is in an image: the process it was taken of, its memory, libraries, modules and objects.

--captured lists what the program copied of its start and a thaw brings back: objects that
equal an argument, the value of a variable, the directory, process id, user, machine or terminal,
each with its Python path. What the thaw or the recipe repairs is not listed.

--guards lists what must be as it was where the image thaws, since the program had read it before
its point: files, directories, variables, what it asked the kernel for, each with the line of
Python that read it first. Where something is another, the plain command runs.

--imports lists the modules that the program imported after its point when it was watched. Their
code is in the image, so a thaw that imports them reads no file but to see that it is the same.
What their code does, it does in each thaw.

--random lists the generators of random numbers, and which of them give other numbers in each thaw.

--left-behind lists what the run changed in its modules after they were imported, where a thaw runs
the program again: what the next run finds, and a recipe may have to repair.

--opaque says how much of the live memory is not understood: blocks whose C type no debug
information tells, with what holds them.`,
		Example: `  pyfreeze info hg.pyfreeze
  pyfreeze info --captured --values app.pyfreeze`,
		Args: oneImage,
		RunE: func(cmd *cobra.Command, args []string) error {
			im, err := image.Open(args[0])
			var cut *image.TruncatedError
			if err != nil && !errors.As(err, &cut) {
				return err
			}
			defer im.Close()
			if cut != nil {
				return cut
			}
			m, err := freeze.ReadMeta(im)
			if err != nil {
				return err
			}
			co.json = asJSON
			switch {
			case opaque:
				return showOpaque(os.Stdout, m, asJSON)
			case guards:
				return showGuards(os.Stdout, m, asJSON)
			case imports:
				return showImports(os.Stdout, m, asJSON)
			case random:
				return showRandom(os.Stdout, m, asJSON)
			case left:
				return showLeftBehind(os.Stdout, m, asJSON)
			case captured:
				return showCaptured(os.Stdout, m, co)
			case asJSON:
				return printMeta(m, co.values)
			}
			show(os.Stdout, args[0], im, m, types, modules)
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print everything as JSON")
	c.Flags().BoolVar(&modules, "modules", false, "list the Python modules")
	c.Flags().BoolVar(&random, "random", false, "list generators of random numbers, and what becomes of each")
	c.Flags().BoolVar(&imports, "imports", false, "list what a thaw may import, and whether its code is in the image")
	c.Flags().BoolVar(&guards, "guards", false, "list what must be as it was for a thaw, and who read it")
	c.Flags().BoolVar(&left, "left-behind", false, "list what the run changed in modules, with values, which may be secret")
	c.Flags().BoolVar(&opaque, "opaque", false, "list memory whose contents are not known by type")
	c.Flags().BoolVar(&captured, "captured", false, "list what the program captured of its start")
	c.Flags().BoolVar(&co.values, "values", false, "with --captured or --json: show the values, too, which may be secret")
	c.Flags().BoolVar(&co.all, "all", false, "with --captured: also words that stand in the program's own source")
	c.Flags().IntVar(&types, "types", 10, "how many types to list, most memory first")
	return c
}

func newVerify() *cobra.Command {
	return &cobra.Command{
		Use:   "verify IMAGE",
		Short: "Check every byte of an image against its checksums",
		Args:  oneImage,
		RunE: func(_ *cobra.Command, args []string) error {
			im, err := image.Open(args[0])
			if err != nil {
				if im != nil {
					_ = im.Close()
				}
				return err
			}
			defer im.Close()
			p := newProgress(false)
			err = im.Verify(func(done, total uint64) { p.step("checking", done, total) })
			p.end()
			if err != nil {
				return err
			}
			fmt.Printf("%s: whole, %d segments\n", args[0], len(im.Segments()))
			return nil
		},
	}
}

// summary is what attach prints.
func summary(w io.Writer, path string, m *freeze.Meta, took time.Duration) {
	fmt.Fprintf(w, "%s: process %d (%s), CPython %s\n", path, m.PID, m.Comm, m.Python)
	fmt.Fprintf(w, "  %d objects, %d modules, %s of memory\n", m.Objects, len(m.Modules), size(m.Bytes.Mapped+m.Bytes.Read))
	fmt.Fprintf(w, "  a thaw %s%s\n", whatRuns(m), keptThreads(m))
	if later := importsLater(m); later != "" {
		fmt.Fprintf(w, "  after that %s\n", later)
	}
	for i := range m.Refused {
		fmt.Fprintf(w, "  it cannot %s: %s\n", whatCannot(m), printable(m.Refused[i].String()))
	}
	for _, path := range m.Stale {
		fmt.Fprintf(w, "  every run will be a plain start: %s has changed since the program began, which may have read it before; start it again\n", printable(path))
	}
	if m.Recipe != "" {
		fmt.Fprintf(w, "  recipe: %s\n", m.Recipe)
	}
	for _, d := range m.Descriptors {
		switch {
		case d.Reopened:
			fmt.Fprintf(w, "  descriptor %d (%s) is opened again%s\n", d.FD, d.Target, forOwner(d.Owner))
		case d.Owner != "":
			fmt.Fprintf(w, "  descriptor %d (%s) is dropped with %s\n", d.FD, d.Target, d.Owner)
		}
	}
	leftBehindSummary(w, path, m)
	capturedSummary(w, path, m)
	if m.Stopped != 0 { // a process that was there before
		fmt.Fprintf(w, "  the process was stopped for %.1f ms, ", ms(m.Stopped))
	} else {
		fmt.Fprint(w, "  ")
	}
	fmt.Fprintf(w, "the whole took %.0f ms\n", ms(took))
}

func forOwner(path string) string {
	if path == "" {
		return "" // of C code
	}
	return " for " + path
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func size(n uint64) string {
	if n < 10<<20 {
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

func show(w io.Writer, path string, im *image.Image, m *freeze.Meta, types int, modules bool) {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	row := func(k, format string, a ...any) { fmt.Fprintf(tw, "%s\t%s\n", k, fmt.Sprintf(format, a...)) }
	row("image", "%s, %s, pyfreeze %s", path, size(im.Size()), m.Pyfreeze)
	row("taken", "%s of process %d (%s), stopped for %.1f ms", m.Created.Format(time.RFC3339), m.PID, m.Comm, ms(m.Stopped))
	row("command", "%q in %s", m.Args, m.Cwd)
	row("interpreter", "%s, CPython %s, build-id %s", m.Exe, m.Python, m.BuildID)
	if m.Layouts != "" {
		row("C structs", "known from %s", m.Layouts)
	}
	if m.Recipe != "" {
		row("recipe", "%s", m.Recipe)
	}
	row("memory", "%s mapped by a thaw, %s read", size(m.Bytes.Mapped), size(m.Bytes.Read))
	row("scrubbed", "%s of dead memory", size(m.Scrubbed))
	row("objects", "%d, in %d modules", m.Objects, len(m.Modules))
	if m.At != "" {
		row("frozen at", "%s", m.At)
	}
	row("a thaw", "%s%s", whatRuns(m), keptThreads(m))
	if later := importsLater(m); later != "" {
		row("after that", "%s", later)
	}
	for i := range m.Refused {
		row("cannot", "%s: %s", whatCannot(m), printable(m.Refused[i].String()))
	}
	for _, path := range m.Stale {
		row("stale", "%s changed before the image was taken: every run is a plain start", printable(path))
	}
	for _, d := range m.Descriptors {
		what := d.Target
		switch {
		case d.Reopened:
			what += ", opened again" + forOwner(d.Owner)
		case d.Owner != "":
			what += ", dropped with " + d.Owner
		default:
			what += ", no Python object owns it: left behind"
		}
		row("descriptor", "%d: %s", d.FD, what)
	}
	for i, f := range m.Frames {
		if i == 0 {
			row("stack", "%s (%s:%d)", f.Function, f.File, f.Line)
		} else {
			row("", "%s (%s:%d)", f.Function, f.File, f.Line)
		}
	}
	for _, l := range m.Libraries {
		row("library", "%s at 0x%x", l.Path, l.Base)
	}
	_ = tw.Flush()
	if types > 0 && len(m.Types) > 0 {
		fmt.Fprintln(w)
		fmt.Fprintf(w, "%9s %12s  %s\n", "objects", "bytes", "type")
		for _, t := range m.Types[:min(types, len(m.Types))] {
			fmt.Fprintf(w, "%9d %12d  %s\n", t.Count, t.Bytes, t.Name)
		}
	}
	if modules {
		fmt.Fprintln(w)
		for _, x := range m.Modules {
			fmt.Fprintf(w, "%s\t%s\n", x.Name, x.File)
		}
	}
}

// whatCannot says which of the two the reasons in m.Refused stand against.
func whatCannot(m *freeze.Meta) string {
	if slices.Contains(m.Runs, "runs again") {
		return "go on"
	}
	return "run again"
}

// whatRuns says what a thaw does.
func whatRuns(m *freeze.Meta) string {
	switch {
	case len(m.Runs) == 2:
		return "runs its program again, or goes on where it was (--resume)"
	case len(m.Runs) == 1 && m.Runs[0] == "goes on" && m.At == "":
		return "goes on where it was (run --resume)"
	case len(m.Runs) == 1 && m.Runs[0] == "goes on" && m.Why != "":
		return "goes on at " + m.At + ", before the program " + m.Why
	case len(m.Runs) == 1 && m.Runs[0] == "goes on":
		return "goes on at " + m.At
	}
	return "runs its program again"
}

func keptThreads(m *freeze.Meta) string {
	if m.Kept > 1 {
		return fmt.Sprintf(", with up to %d threads", m.Kept)
	}
	return ""
}
