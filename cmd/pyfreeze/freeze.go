package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"pyfreeze/restore"
	"pyfreeze/restore/freeze"
	"pyfreeze/restore/launcher"
	"pyfreeze/restore/refuse"
	"pyfreeze/restore/snapshot"
)

func newFreeze() *cobra.Command {
	var o restore.CommandOptions
	var warm []string
	var then string
	var timings bool
	out := imageOutput{}
	c := &cobra.Command{
		Use:   "freeze -o FILE [flags] -- COMMAND [ARGS...]",
		Short: "Start a Python program and take an image of it when it has warmed up",
		Long: `Start a Python program, let it run to its end, and take an image of it at the last point at which
nothing depends on this one run: before it reads its arguments, does something that others could
tell, or asks for what is another each time. The point is found by watching the program; a second
run is frozen there. A thaw goes on from it, with other arguments: nothing is run twice. What the
program had read before must be as it was, else the plain command runs (info --guards).

--at MODULE:FUNCTION freezes where that function is called for the first time instead. --at exit, the
default for a program with a recipe (hg), freezes just before the interpreter shuts down; a thaw
then runs the program's script again, on the heap with all that was imported. For this, --warm runs
the program again in the same process, before the freeze, with other arguments; what these runs
print goes to /dev/null. A recipe with warm(args) says how, where running the program's script again
is not enough.

The command goes on to its end, unless --then stop.

The command runs as it would from a shell, with this terminal and environment. It
is not changed in any way: the processor's debug registers stop it.`,
		Example: `  pyfreeze freeze -o hg.pyfreeze -- hg version -q
  pyfreeze freeze -o hg.pyfreeze --warm 'status' --warm 'log -l 3' -- hg version -q
  pyfreeze freeze -o app.pyfreeze --at app.cli:main -- app --help`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{fmt.Errorf("freeze takes a command")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := out.check(&o.Options); err != nil {
				return err
			}
			if len(warm) > 0 && cmd.Flags().Changed("at") && o.At != "exit" && o.At != snapshot.Found {
				return &usageError{fmt.Errorf("--warm runs end before the exit: they exclude --at %s", o.At)}
			}
			for _, w := range warm {
				words, err := launcher.SplitWords(w)
				if err != nil {
					return &usageError{fmt.Errorf("--warm %q: %w", w, err)}
				}
				o.Warm = append(o.Warm, words)
			}
			if then != "go-on" && then != "stop" {
				return &usageError{fmt.Errorf("--then takes go-on or stop")}
			}
			if out.left && len(warm) == 0 && o.At != "exit" {
				return &usageError{errors.New("--left-behind compares with the exit: it needs --at exit or --warm")}
			}
			o.LeftBehind = out.left
			o.Stop = then == "stop"
			o.Command = args
			p := newProgress(out.verbose)
			o.Tell = p.step
			start := time.Now()
			collectRarely()
			var m *freeze.Meta
			var status syscall.WaitStatus
			err := interruptible(cmd.Context(), func(ctx context.Context) (err error) {
				m, status, err = restore.FreezeCommand(ctx, o)
				return err
			})
			p.end()
			if err := out.report(err, m, o.Output, time.Since(start)); err != nil {
				return err
			}
			if timings {
				showStages(os.Stderr, m)
			}
			if status != 0 && !out.json {
				fmt.Fprintf(os.Stderr, "pyfreeze: note: the command itself ended with %s\n", describeStatus(status))
			}
			return nil
		},
	}
	f := c.Flags()
	out.flags(c, &o.Options)
	f.BoolVar(&out.captured, "captured", false, "print what the program captured of its start, with values: the guide for a recipe (docs/recipes.md)")
	f.BoolVar(&out.left, "left-behind", false, "with --at exit or --warm: print what the run changed in its modules, with values (docs/recipes.md)")
	f.StringVar(&o.At, "at", snapshot.Found, "where: `found`, exit, or MODULE:FUNCTION when that is first called, on the main thread")
	f.StringVar(&then, "then", "go-on", "what becomes of the command when it is frozen: `go-on` or stop")
	f.BoolVar(&timings, "timings", false, "print how long each stage took")
	f.StringArrayVar(&warm, "warm", nil, "run the program again before the freeze with these `ARGS`, quoted as for a shell; may be repeated")
	return c
}

func describeStatus(s syscall.WaitStatus) string {
	if s.Signaled() {
		return fmt.Sprintf("signal %d", int(s.Signal()))
	}
	return fmt.Sprintf("exit status %d", s.ExitStatus())
}

// imageOutput is what attach and freeze have in common: flags, and what they say of the image.
type imageOutput struct{ json, verbose, captured, left bool }

func (out *imageOutput) flags(c *cobra.Command, o *restore.Options) {
	f := c.Flags()
	f.StringVarP(&o.Output, "output", "o", "", "`FILE` to write the image to (mode 0600, replaced when complete)")
	f.StringVar(&o.Recipe, "recipe", "", "Python `FILE` with thaw(), in place of a shipped recipe")
	f.BoolVar(&o.NoRecipe, "no-recipe", false, "use no recipe")
	f.StringSliceVar(&o.Allow, "allow", nil, "`KINDS` of things to freeze though a thaw will not have them, such as socket,thread")
	f.BoolVar(&o.Threads, "threads", false, "keep all threads in a thaw, those of libraries, too; the handlers of a fork do not run")
	f.BoolVar(&o.KeepDead, "keep-dead", false, "keep what freed memory holds (for forensics); else it is zeroed in the image")
	f.BoolVar(&o.Strict, "strict", false, "have each thaw compare what is in every file that was read, whatever its times say")
	f.BoolVar(&out.json, "json", false, "print everything about the image as JSON, or all that was refused")
	f.BoolVarP(&out.verbose, "verbose", "v", false, "say what is being done")
}

func (out *imageOutput) check(o *restore.Options) error {
	if o.Output == "" {
		return &usageError{fmt.Errorf("-o FILE is missing")}
	}
	if o.Recipe != "" && o.NoRecipe {
		return &usageError{fmt.Errorf("--recipe and --no-recipe contradict each other")}
	}
	if err := refuse.CheckAllow(o.Allow); err != nil {
		return &usageError{err}
	}
	return nil
}

// report prints what the image has, or returns the error, which has been printed as JSON where that was asked for.
func (out *imageOutput) report(err error, m *freeze.Meta, path string, took time.Duration) error {
	var stopped *interruptError
	if errors.As(err, &stopped) {
		fmt.Fprintln(os.Stderr, "pyfreeze: "+oneLine(err))
		dieOf(stopped.sig)
	}
	var refused *refuse.Error
	if out.json && errors.As(err, &refused) {
		return errors.Join(err, json.NewEncoder(os.Stdout).Encode(map[string]any{"refused": refused.Offenders}))
	}
	if err != nil {
		return err
	}
	if out.json && out.left {
		return showLeftBehind(os.Stdout, m, true)
	}
	if out.json {
		return printMeta(m, false)
	}
	if out.left {
		return showLeftBehind(os.Stdout, m, false)
	}
	if out.captured {
		return showCaptured(os.Stdout, m, capturedOptions{values: true})
	}
	summary(os.Stdout, path, m, took)
	return nil
}

// showStages prints how long each stage of a freeze took.
func showStages(w io.Writer, m *freeze.Meta) {
	for _, s := range m.Stages {
		fmt.Fprintf(w, "pyfreeze: %8.1f ms  %s\n", ms(s.Took), s.Name)
	}
}
