package main

import (
	"fmt"
	"os"

	"pyfreeze/restore/freeze"

	"github.com/spf13/cobra"
)

// newRoot builds the command tree.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "pyfreeze",
		Short: "Freeze a running Python process, thaw it into fresh processes in milliseconds",
		Long: `pyfreeze takes an image of a running, unmodified CPython process and starts fresh
processes from it, each a few milliseconds after the command is given.

  hg serve --cmdserver pipe              # a warmed-up program, pid P
  pyfreeze attach P -o hg.pyfreeze       # an image; P goes on
  pyfreeze run hg.pyfreeze status        # hg status, from the image
  pyfreeze install hg                    # or: every hg, from images that keep themselves
  pyfreeze info hg.pyfreeze              # what is in it

An image that does not fit any more (another Python, changed sources, other locale)
is never an obstacle: run then starts the plain command.`,
		Version:       freeze.Version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.AddCommand(newAttach(), newFreeze(), newRun(), newInfo(), newVerify(), newInstall(), newUninstall(), newList(), newStatus(), newLaunch(), newBuild(), newInspect())
	return root
}

func execute(root *cobra.Command) int {
	cmd, err := root.ExecuteC()
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(os.Stderr, "pyfreeze: "+text(err))
	code := exitCode(err)
	if cmd.Name() == "run" || cmd.Name() == "launch" {
		return exitRun // other codes are the command's own
	}
	return code
}
