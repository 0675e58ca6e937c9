package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"pyfreeze/restore"
)

func newAttach() *cobra.Command {
	var o restore.FreezeOptions
	var asJSON, verbose bool
	c := &cobra.Command{
		Use:   "attach PID -o FILE",
		Short: "Take an image of a running Python process, which goes on",
		Long: `Take an image of a running Python process.

The process is stopped for the time it takes to make a copy-on-write copy of it (a
few milliseconds) and then goes on as if nothing had been. It may be blocked or
busy: then the copy, not the process, is brought to a point where its objects are
consistent, in up to --timeout.

Other threads are not in the thawed processes, as after a fork. Descriptors
that only the abandoned Python frames hold are dropped; files that a module holds
are opened again; any other is refused, with the path to its owner.

A recipe is a Python file that repairs what a program captured of the world it
was frozen in. Recipes for known programs (hg) are chosen by themselves.`,
		Example: `  pyfreeze attach 4711 -o hg.pyfreeze
  pyfreeze attach 4711 -o app.pyfreeze --recipe app-recipe.py --timeout 30s`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.ExactArgs(1)(cmd, args); err != nil {
				return &usageError{fmt.Errorf("attach takes one process id")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			pid, err := strconv.Atoi(args[0])
			if err != nil || pid <= 0 {
				return &usageError{fmt.Errorf("%q is not a process id", args[0])}
			}
			if o.Output == "" {
				return &usageError{fmt.Errorf("-o FILE is missing")}
			}
			if o.Recipe != "" && o.NoRecipe {
				return &usageError{fmt.Errorf("--recipe and --no-recipe contradict each other")}
			}
			if err := restore.CheckAllow(o.Allow); err != nil {
				return &usageError{err}
			}
			o.PID = pid
			p := newProgress(verbose)
			o.Progress = p.step
			start := time.Now()
			var m *restore.Meta
			err = interruptible(cmd.Context(), func(ctx context.Context) error {
				m, err = restore.Freeze(ctx, o)
				return err
			})
			p.end()
			var stopped *interruptError
			if errors.As(err, &stopped) {
				fmt.Fprintln(os.Stderr, "pyfreeze: "+oneLine(err))
				dieOf(stopped.sig)
			}
			var refused *restore.RefusedError
			if asJSON && errors.As(err, &refused) {
				return errors.Join(err, json.NewEncoder(os.Stdout).Encode(map[string]any{"refused": refused.Offenders}))
			}
			if err != nil {
				return err
			}
			if asJSON {
				return printMeta(m, false)
			}
			summary(os.Stdout, o.Output, m, time.Since(start))
			return nil
		},
	}
	f := c.Flags()
	f.StringVarP(&o.Output, "output", "o", "", "`FILE` to write the image to (mode 0600, replaced when complete)")
	f.DurationVar(&o.Timeout, "timeout", 5*time.Second, "give up when no safe point is reached by then")
	f.StringVar(&o.Recipe, "recipe", "", "Python `FILE` with thaw(), in place of a shipped recipe")
	f.BoolVar(&o.NoRecipe, "no-recipe", false, "use no recipe")
	f.StringSliceVar(&o.Allow, "allow", nil, "`KINDS` of things to freeze though a thaw will not have them, such as socket,thread")
	f.BoolVar(&o.KeepDead, "keep-dead", false, "keep what freed memory holds (for forensics); else it is zeroed in the image")
	f.BoolVar(&asJSON, "json", false, "print everything about the image as JSON, or all that was refused")
	f.BoolVarP(&verbose, "verbose", "v", false, "say what is being done")
	return c
}
