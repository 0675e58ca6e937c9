package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// moduleRow is one entry of sys.modules, as --json prints it.
type moduleRow struct {
	Name       string `json:"name"`
	Kind       string `json:"kind"`
	File       string `json:"file,omitempty"`
	Addr       string `json:"addr"`
	Attributes int    `json:"attributes"`
	Version    string `json:"version,omitempty"`
}

func newInspectModules(f *inspectFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "modules TARGET",
		Short: "List the modules of sys.modules",
		Long: `List the modules of sys.modules by name: what each was loaded from (source, bytecode,
extension, builtin, frozen, namespace, other), how many attributes it has, its __version__ if
that is a str, and its file.`,
		Example: `  pyfreeze inspect modules 4711
  pyfreeze inspect modules app.pyfreeze --json | jq -r '.modules[] | select(.kind=="extension").file'`,
		Args: targetArgs(1, 1, "one target"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runInspect(cmd, f, args[0], func(s *subject, _ *progress) (any, func(io.Writer), error) {
				rows, err := s.modules()
				if err != nil {
					return nil, nil, err
				}
				return map[string]any{"modules": rows}, func(out io.Writer) {
					tw := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
					for _, r := range rows {
						fmt.Fprintf(tw, "%s\t%s\t%d\t%s\t%s\n", printable(r.Name), r.Kind, r.Attributes,
							cut(printable(r.Version), 20), printable(r.File))
					}
					_ = tw.Flush() // out keeps the error
				}, nil
			})
		},
	}
}

func (s *subject) modules() ([]moduleRow, error) {
	mods, err := s.heap.Modules()
	if err != nil {
		return nil, err
	}
	rows := []moduleRow{}
	for _, m := range mods {
		r := moduleRow{Name: m.Name, Kind: string(m.Kind), File: m.File, Addr: hex(m.Addr)}
		if attrs, err := s.heap.Attributes(m.Addr, -1); err == nil {
			r.Attributes = len(attrs)
			for _, a := range attrs {
				if a.Name == "__version__" {
					r.Version, _ = s.heap.Str(a.Value) // "" when it is no str
				}
			}
		}
		rows = append(rows, r)
	}
	slices.SortStableFunc(rows, func(a, b moduleRow) int { return cmp.Compare(a.Name, b.Name) })
	return rows, nil
}
