package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pyfreeze/restore"
	"pyfreeze/restore/freeze"
	"pyfreeze/restore/launcher"
)

// newLaunch is what the kernel runs for a launcher, which does its work before this program's Go part starts: what is left are mistakes.
func newLaunch() *cobra.Command {
	return &cobra.Command{
		Use:                "launch FILE [ARGS...]",
		Short:              "Run the program of a launcher",
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && args[0] == "--stale" {
				args = args[1:]
			}
			if len(args) == 0 || strings.HasPrefix(args[0], "-") {
				return &usageError{fmt.Errorf("launch takes a launcher, a file that pyfreeze install makes")}
			}
			return launcher.Refused(args[0])
		},
	}
}

// newBuild makes the image of a launcher, behind the user's back.
func newBuild() *cobra.Command {
	var after int
	var streams string
	var window uint64
	c := &cobra.Command{
		Use:    "build FILE",
		Short:  "Make the image of a launcher for this environment",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := launcher.Read(args[0])
			if err != nil {
				return err
			}
			if after != 0 {
				// With the command's own priority, which the program may ask for.
				launcher.WaitFor(after)
			}
			_ = useStreams(streams, window) // without, the image is for runs without such streams
			_, _, err = launcher.Build(cmd.Context(), l, restore.Options{Timeout: 5 * time.Second}, false)
			return err
		},
	}
	c.Flags().StringVar(&streams, "streams", "", "what the command's standard streams were: t, p, f, s or - for each")
	c.Flags().Uint64Var(&window, "window", 0, "the size of its terminal, as one number")
	c.Flags().IntVar(&after, "after", 0, "wait for the end of process `PID`")
	return c
}

// buildNow makes an image while the user waits.
func buildNow(ctx context.Context, l *launcher.File, o restore.Options, verbose bool) (m *freeze.Meta, path string, took time.Duration, err error) {
	p := newProgress(verbose)
	defer p.end()
	o.Timeout, o.Tell = 5*time.Second, p.step
	start := time.Now()
	err = interruptible(ctx, func(ctx context.Context) error {
		m, path, err = launcher.Build(ctx, l, o, true)
		return err
	})
	return m, path, time.Since(start), err
}
