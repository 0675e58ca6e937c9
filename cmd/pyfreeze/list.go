package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"pyfreeze/restore/launcher"
	"pyfreeze/restore/thaw"
)

// installed is a launcher with its images and runs.
type installed struct {
	Launcher string           `json:"launcher"`
	Program  string           `json:"program"`
	Images   []launcher.Image `json:"images"`
	Runs     launcher.Counts  `json:"runs"`
}

// findInstalled looks at the launchers in dirs, in the usual directory and in those of PATH.
func findInstalled(dirs, names []string) ([]installed, error) {
	usual, err := expandHome("~/.local/bin")
	if err == nil {
		dirs = append(dirs, usual)
	}
	dirs = append(dirs, filepath.SplitList(os.Getenv("PATH"))...)
	var found []*launcher.File
	for _, name := range names {
		if !strings.Contains(name, "/") {
			continue
		}
		l, err := launcher.Read(name) // a path is of a launcher itself
		if err != nil {
			return nil, err
		}
		if l.Path, err = filepath.Abs(name); err != nil {
			return nil, err
		}
		found = append(found, l)
	}
	for _, l := range launcher.Find(dirs) {
		if len(names) == 0 || slices.Contains(names, l.Name) {
			found = append(found, l)
		}
	}
	out := []installed{}
	for _, l := range found {
		runs, err := l.Counts()
		if err != nil {
			return nil, err
		}
		out = append(out, installed{l.Path, l.Program, l.Images(thaw.Fits), runs})
	}
	if len(names) > 0 && len(out) == 0 {
		return nil, fmt.Errorf("there is no launcher of %v; pyfreeze list shows those that are there", names)
	}
	return out, nil
}

func newList() *cobra.Command {
	var dir string
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List launchers and their images",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return showInstalled(dir, nil, asJSON, func(all []installed) {
				w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
				defer w.Flush()
				for _, i := range all {
					fmt.Fprintf(w, "%s\t%s\t%d runs thawed\n", i.Launcher, i.Program, i.Runs.Thawed)
					for _, im := range i.Images {
						fmt.Fprintf(w, "  %s\n", describeImage(im))
					}
				}
			})
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "look into this `DIRECTORY`, too (by default ~/.local/bin and PATH)")
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return c
}

func newStatus() *cobra.Command {
	var dir string
	var asJSON bool
	c := &cobra.Command{
		Use:   "status [PROGRAM...]",
		Short: "Tell how often programs were thawed, and why not",
		Long: `Tell how often programs with a launcher were thawed since it was installed, how often the
plain program ran and why, and what images there are, with what stands against them
in this environment.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return showInstalled(dir, args, asJSON, func(all []installed) {
				for _, i := range all {
					plain := 0
					for _, n := range i.Runs.Plain {
						plain += n
					}
					fmt.Printf("%s (%s): %d runs thawed, %d plain\n", i.Launcher, i.Program, i.Runs.Thawed, plain)
					for _, why := range byCount(i.Runs.Plain) {
						fmt.Printf("  %6d  %s\n", i.Runs.Plain[why], printable(why))
					}
					for _, im := range i.Images {
						fmt.Printf("  image %s\n", describeImage(im))
					}
				}
			})
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "look into this `DIRECTORY`, too (by default ~/.local/bin and PATH)")
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return c
}

func showInstalled(dir string, names []string, asJSON bool, text func([]installed)) error {
	var dirs []string
	if dir != "" {
		dir, err := expandHome(dir)
		if err != nil {
			return err
		}
		dirs = append(dirs, dir)
	}
	all, err := findInstalled(dirs, names)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(os.Stdout, all)
	}
	if len(all) == 0 {
		fmt.Println("no launchers; pyfreeze install PROGRAM makes one")
	}
	text(all)
	return nil
}

func describeImage(im launcher.Image) string {
	switch {
	case im.Failed != "":
		return fmt.Sprintf("%s: there is none: %s; it is tried again after an hour, or when the "+
			"program changes", im.Path, printable(im.Failed))
	case !im.Fits:
		return fmt.Sprintf("%s, %s: %s", im.Path, size(uint64(im.Bytes)), printable(im.Why))
	}
	return fmt.Sprintf("%s, %s: fits", im.Path, size(uint64(im.Bytes)))
}

// byCount gives the reasons, the most frequent first.
func byCount(m map[string]int) []string {
	out := make([]string, 0, len(m))
	for why := range m {
		out = append(out, why)
	}
	slices.SortFunc(out, func(a, b string) int {
		if m[a] != m[b] {
			return m[b] - m[a]
		}
		if a < b {
			return -1
		}
		return 1
	})
	return out
}
