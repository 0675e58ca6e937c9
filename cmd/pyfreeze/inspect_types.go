package main

import (
	"cmp"
	"fmt"
	"io"
	"path"
	"slices"

	"github.com/spf13/cobra"

	"pyfreeze/pyheap"
)

// typeRow is one type of the census, as --json prints it.
type typeRow struct {
	Name  string `json:"name"`
	Addr  string `json:"addr"`
	Count int    `json:"count"`
	Bytes uint64 `json:"bytes"`
}

func newInspectTypes(f *inspectFlags) *cobra.Command {
	var by, match string
	var limit int
	c := &cobra.Command{
		Use:   "types TARGET",
		Short: "Count objects and bytes of every type",
		Long: `Count the objects of every exact type, and their bytes as sys.getsizeof counts them: the
object with what it alone owns (the table of a dict, the items of a list), not what it refers to.`,
		Example: `  pyfreeze inspect types 4711 --limit 20
  pyfreeze inspect types core.4711 --sort bytes --match 'mercurial.*'`,
		Args: targetArgs(1, 1, "one target"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := path.Match(match, ""); err != nil {
				return &usageError{fmt.Errorf("--match %q: %w", match, err)}
			}
			if !slices.Contains([]string{"count", "bytes", "name"}, by) {
				return &usageError{fmt.Errorf("--sort is count, bytes or name, not %q", by)}
			}
			return runInspect(cmd, f, args[0], func(s *subject, p *progress) (any, func(io.Writer), error) {
				w, err := s.walk(p)
				if err != nil {
					return nil, nil, err
				}
				rows := typeRows(w.ByType(), by, match)
				total := typeRow{Name: "total"}
				for _, r := range rows {
					total.Count += r.Count
					total.Bytes += r.Bytes
				}
				rest := 0
				if limit > 0 && len(rows) > limit {
					rest = len(rows) - limit
					rows = rows[:limit]
				}
				value := map[string]any{"types": rows, "objects": total.Count, "bytes": total.Bytes, "left_out": rest}
				return value, func(out io.Writer) {
					writeTypes(out, rows)
					if rest > 0 {
						fmt.Fprintf(out, "%10s %13s  (%d more types)\n", "", "", rest)
					}
					fmt.Fprintf(out, "%10d %13d  in all\n", total.Count, total.Bytes)
				}, nil
			})
		},
	}
	c.Flags().StringVar(&by, "sort", "count", "order by `KEY`: count, bytes or name")
	c.Flags().IntVar(&limit, "limit", 0, "print the first `N` types only; 0 prints all")
	c.Flags().StringVar(&match, "match", "", "only types whose name fits the shell `PATTERN`")
	return c
}

// walk walks the whole heap.
func (s *subject) walk(p *progress) (*pyheap.Walk, error) {
	p.step("walking the heap", 0, 0)
	return s.heap.Walk(pyheap.WalkOptions{Stacks: s.stacks(), Progress: func(n int) {
		if !p.verbose { // there, a step is a line
			p.step(fmt.Sprintf("walking the heap: %d objects and blocks", n), 0, 0)
		}
	}})
}

func typeRows(types []pyheap.TypeCount, by, match string) []typeRow {
	rows := []typeRow{}
	for _, t := range types {
		if match != "" {
			if ok, _ := path.Match(match, t.Name); !ok { // the pattern was checked
				continue
			}
		}
		rows = append(rows, typeRow{t.Name, hex(t.Type), t.Count, t.Bytes})
	}
	slices.SortFunc(rows, func(a, b typeRow) int {
		switch by {
		case "bytes":
			return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Addr, b.Addr))
		case "name":
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Addr, b.Addr))
		}
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Addr, b.Addr))
	})
	return rows
}

func writeTypes(out io.Writer, rows []typeRow) {
	fmt.Fprintf(out, "%10s %13s  %s\n", "objects", "bytes", "type")
	for _, r := range rows {
		fmt.Fprintf(out, "%10d %13d  %s\n", r.Count, r.Bytes, printable(r.Name))
	}
}
