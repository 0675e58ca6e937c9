package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"pyfreeze/restore/thaw"
)

// newRun is what the launcher, which runs images before this program's Go part starts, leaves: help, mistakes, and what is no image.
func newRun() *cobra.Command {
	c := &cobra.Command{
		Use:   "run [flags] IMAGE [ARGS...]",
		Short: "Run the program of an image, thawed",
		Long: `Run the program of an image, in this terminal, this directory and this environment,
exactly as the plain command would: same process id, standard streams, signals, job control
and exit status.

An image that was frozen at a function goes on there, with the ARGS. One that was frozen at its
exit, or of a process that ran already, runs its program again with the ARGS, on the warmed-up heap;
of a process that ran already, --resume goes on where that was.

Everything after IMAGE goes to the program. If the image does not fit here and now (another
build of Python, a changed source file, other PYTHON* variables, another kind of locale), the plain
command runs instead; -v says why.

The exit status is the program's own; 125 if nothing could be started.`,
		Example: `  pyfreeze run hg.pyfreeze status -A
  pyfreeze run --timings hg.pyfreeze log -l 3
  pyfreeze run --resume worker.pyfreeze
  pyfreeze run -c 'import sys; print(len(sys.modules))' hg.pyfreeze`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{fmt.Errorf("run takes an image")}
			}
			return thaw.Refused(args[0])
		},
	}
	f := c.Flags()
	f.SetInterspersed(false)
	f.Bool("resume", false, "go on where a process was that ran already, with all its threads")
	f.Bool("strict", false, "compare what is in every file that was read, whatever its times say")
	f.String("entry", "", "run this `SCRIPT` on the image instead of its own")
	f.StringP("module", "m", "", "run this `MODULE` on the image, as python -m does")
	f.StringP("code", "c", "", "run this `CODE` on the image, as python -c does")
	f.BoolP("quiet", "q", false, "do not say what the script of an attached process finds left behind")
	f.BoolP("verbose", "v", false, "say why the plain command was run, if it was")
	f.Bool("timings", false, "print time and page faults of each phase to stderr")
	f.String("way", "", "here: thaw in this process; exec: by executing the interpreter (for tests)")
	_ = f.MarkHidden("way") // fails only if there is no such flag
	return c
}
