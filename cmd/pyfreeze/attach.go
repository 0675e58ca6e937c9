package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"pyfreeze/restore"
	"pyfreeze/restore/freeze"
)

func newAttach() *cobra.Command {
	var o restore.Options
	out := imageOutput{}
	c := &cobra.Command{
		Use:   "attach PID -o FILE",
		Short: "Take an image of a running Python process, which goes on",
		Long: `Take an image of a running Python process.

The process is stopped for the time it takes to make a copy-on-write copy of it (a
few milliseconds) and then goes on as if nothing had been. It may be blocked or
busy: then the copy, not the process, is brought to a point where its objects are
consistent, in up to --timeout.

` + "`pyfreeze run --resume`" + ` goes on where the process was, with all its threads: waits are made again.
` + "`pyfreeze run`" + ` runs the program again on the warmed-up heap, with other arguments and the main thread
alone; that is right where a recipe repairs what the program captured. Files, pipes and epolls are
made again; what cannot be, such as a connection, is refused with the path to its owner.

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
			if err := out.check(&o); err != nil {
				return err
			}
			p := newProgress(out.verbose)
			o.Tell = p.step
			start := time.Now()
			var m *freeze.Meta
			err = interruptible(cmd.Context(), func(ctx context.Context) error {
				m, err = restore.Attach(ctx, pid, o)
				return err
			})
			p.end()
			return out.report(err, m, o.Output, time.Since(start))
		},
	}
	f := c.Flags()
	f.DurationVar(&o.Timeout, "timeout", 5*time.Second, "give up when no safe point is reached by then")
	out.flags(c, &o)
	return c
}
