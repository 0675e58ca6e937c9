package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"pyfreeze/restore"
)

func newRun(start uint64) *cobra.Command {
	o := restore.RunOptions{StartNs: start}
	c := &cobra.Command{
		Use:   "run [flags] IMAGE [ARGS...]",
		Short: "Run the program of an image, thawed",
		Long: `Run the program of an image with other arguments, in this terminal, this
directory and this environment, exactly as the plain command would: same process
id, standard streams, signals, job control and exit status.

Everything after IMAGE goes to the program. If the image does not fit here and now
(another build of Python, a changed source file, other PYTHON* variables, another
kind of locale), the plain command runs instead; -v says why.

The exit status is the program's own; 125 if nothing could be started.`,
		Example: `  pyfreeze run hg.pyfreeze status -A
  pyfreeze run --timings hg.pyfreeze log -l 3
  pyfreeze run -c 'import sys; print(len(sys.modules))' hg.pyfreeze`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{fmt.Errorf("run takes an image")}
			}
			n := 0
			for _, name := range []string{"entry", "module", "code"} {
				if cmd.Flags().Changed(name) {
					n++
				}
			}
			if n > 1 {
				return &usageError{fmt.Errorf("--entry, -m and -c exclude each other")}
			}
			o.HasCode = cmd.Flags().Changed("code")
			o.Image, o.Args = args[0], args[1:]
			return restore.Run(o)
		},
	}
	f := c.Flags()
	f.SetInterspersed(false)
	f.StringVar(&o.Entry, "entry", "", "run this `SCRIPT` on the image instead of its own")
	f.StringVarP(&o.Module, "module", "m", "", "run this `MODULE` on the image, as python -m does")
	f.StringVarP(&o.Code, "code", "c", "", "run this `CODE` on the image, as python -c does")
	f.BoolVarP(&o.Verbose, "verbose", "v", false, "say why the plain command was run, if it was")
	f.BoolVar(&o.Timings, "timings", false, "print time and page faults of each phase to stderr")
	f.BoolVar(&o.Shuffle, "shuffle-libraries", false, "give each library that may move a random base of its own (for tests)")
	_ = f.MarkHidden("shuffle-libraries") // fails only if there is no such flag
	return c
}
