package main

import (
	"cmp"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pyfreeze/pyheap"
)

// heapFlags are the flags of inspect heap.
type heapFlags struct {
	by, match, sort                      string
	limit                                int
	share                                float64
	retained, duplicates, fill, suspects bool
}

// shownHeap is what inspect heap --json prints.
type shownHeap struct {
	By      string         `json:"by"`
	Rows    []shownHeapRow `json:"rows"`
	LeftOut int            `json:"left_out,omitempty"`
	Objects int            `json:"objects"`
	Bytes   uint64         `json:"bytes"`
	Memory  shownAccount   `json:"memory"`

	Largest    []shownHolder `json:"largest,omitempty"`  // with --retained
	Suspects   []shownHolder `json:"suspects,omitempty"` // with --suspects
	Duplicates *shownDups    `json:"duplicates,omitempty"`
	Fill       []shownFill   `json:"fill,omitempty"`

	flags *heapFlags
}

// shownHeapRow sums up the objects of a type, or of what else they have in common.
type shownHeapRow struct {
	Name     string `json:"name"`
	Addr     string `json:"addr,omitempty"` // of a type
	Objects  int    `json:"objects"`
	Bytes    uint64 `json:"bytes"`
	Retained uint64 `json:"retained,omitempty"`
}

// shownAccount says where the memory of the allocators went.
type shownAccount struct {
	Live  uint64 `json:"live"`  // that allocators have handed out
	Known uint64 `json:"known"` // of it, of known type
	// of it, of unknown type, that something refers to
	Opaque    uint64               `json:"opaque"`
	Unreached uint64               `json:"unreached"`  // of it, that nothing was found to refer to
	Ranges    uint64               `json:"allocators"` // that the allocators have of the system
	Owners    []pyheap.OpaqueOwner `json:"opaque_owners,omitempty"`
}

// shownHolder is an object that keeps memory alive.
type shownHolder struct {
	Addr     string        `json:"addr"`
	Type     string        `json:"type"`
	Path     string        `json:"path,omitempty"`
	Bytes    uint64        `json:"bytes"`
	Retained uint64        `json:"retained"`
	Gathered uint64        `json:"gathered,omitempty"` // of a suspect: what no smaller suspect has
	Objects  int           `json:"objects,omitempty"`
	Most     *shownHeapRow `json:"most,omitempty"` // the type that most of it is of
}

// shownDups are equal objects.
type shownDups struct {
	Groups int        `json:"groups"`
	Wasted uint64     `json:"wasted"`
	Most   []shownDup `json:"most"`
}

type shownDup struct {
	Addr   string `json:"addr"`
	Type   string `json:"type"`
	Repr   string `json:"repr"`
	Path   string `json:"path,omitempty"`
	Count  int    `json:"count"`
	Wasted uint64 `json:"wasted"`
}

// shownFill is how full the containers of a type are.
type shownFill struct {
	Type     string `json:"type"`
	Objects  int    `json:"objects"`
	Empty    int    `json:"empty"`
	Used     uint64 `json:"used"`
	Capacity uint64 `json:"capacity"`
	Wasted   uint64 `json:"wasted"`
	Worst    string `json:"worst,omitempty"`
	Path     string `json:"worst_path,omitempty"`
}

func newInspectHeap(f *inspectFlags) *cobra.Command {
	o := &heapFlags{}
	c := &cobra.Command{
		Use:   "heap TARGET",
		Short: "Show what takes the memory, and what keeps it alive",
		Long: `Show what takes the memory of Python objects. Each byte is counted once, with the object
that it belongs to: sizes are those of sys.getsizeof where that is right, and more where it
leaves out what an object owns (the values of an instance, buffers of extension modules).

--by says what is summed up: the exact type, the module or the root that leads to the
objects on a shortest path, or the allocator that they lie in.

--retained tells what each group keeps alive: the bytes that would be gone with all of it,
since nothing else leads to them; and the objects that keep most alive, with their paths.
It takes some 60 bytes more for each object.

--suspects shows where memory has gathered: objects that keep alive a share of all memory
which no smaller part of them does. --duplicates shows equal strings, bytes and tuples,
--fill how full dicts, sets and lists are.`,
		Example: `  pyfreeze inspect heap 4711
  pyfreeze inspect heap 4711 --retained --by module
  pyfreeze inspect heap core.4711 --suspects
  pyfreeze inspect heap core.4711 --duplicates --fill --limit 5`,
		Args: targetArgs(1, 1, "one target"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return &usageError{err}
			}
			return runInspect(cmd, f, args[0], func(s *subject, p *progress) (any, func(io.Writer),
				error) {
				out, err := s.heapOf(p, o)
				if err != nil {
					return nil, nil, err
				}
				return out, out.write, nil
			})
		},
	}
	c.Flags().StringVar(&o.by, "by", "type", "sum up by `KEY`: "+strings.Join(pyheap.HeapKeys,
		", "))
	c.Flags().StringVar(&o.sort, "sort", "",
		"order by `KEY`: bytes, objects, retained or name (bytes; retained with --retained)")
	c.Flags().IntVar(&o.limit, "limit", 20,
		"the first `N` of each list; 0 for all rows, and 1,000 of the rest")
	c.Flags().StringVar(&o.match, "match", "", "only rows whose name fits the shell `PATTERN`")
	c.Flags().BoolVar(&o.retained, "retained", false,
		"what each keeps alive, and the objects that keep most alive")
	c.Flags().BoolVar(&o.suspects, "suspects", false, "where memory has gathered, with paths")
	c.Flags().Float64Var(&o.share, "share", 0.02,
		"with --suspects, the least `SHARE` of all memory that is told")
	c.Flags().BoolVar(&o.duplicates, "duplicates", false, "equal strings, bytes and tuples")
	c.Flags().BoolVar(&o.fill, "fill", false, "how full dicts, sets and lists are")
	return c
}

// longList is how long lists are that --limit does not bound; rows have no bound then.
const longList = 1000

// check says what is wrong with the flags.
func (o *heapFlags) check() error {
	if !slices.Contains(pyheap.HeapKeys, o.by) {
		return fmt.Errorf("--by is %s, not %q", strings.Join(pyheap.HeapKeys, ", "), o.by)
	}
	if _, err := path.Match(o.match, ""); err != nil {
		return fmt.Errorf("--match %q: %w", o.match, err)
	}
	if !slices.Contains([]string{"", "bytes", "objects", "retained", "name"}, o.sort) {
		return fmt.Errorf("--sort is bytes, objects, retained or name, not %q", o.sort)
	}
	if o.sort == "retained" && !o.retained {
		return fmt.Errorf("--sort retained needs --retained")
	}
	if o.limit < 0 || o.share <= 0 || o.share > 1 {
		return fmt.Errorf("--limit is a number of lines, --share a part of 1")
	}
	if o.sort == "" {
		o.sort = "bytes"
		if o.retained && o.by != "allocator" {
			o.sort = "retained"
		}
	}
	return nil
}

func (s *subject) heapOf(p *progress, o *heapFlags) (*shownHeap, error) {
	w, err := s.walk(p)
	if err != nil {
		return nil, err
	}
	p.step("measuring objects", 0, 0)
	sizes := w.Sizes()
	out := &shownHeap{By: o.by, flags: o, Rows: []shownHeapRow{}}
	list := o.limit
	if list == 0 {
		list = longList
	}
	var d *pyheap.Dominators
	if o.retained || o.suspects {
		p.step("finding out what keeps what alive", 0, 0)
		if d, err = w.Dominators(sizes); err != nil {
			return nil, err
		}
	}
	held := func(a pyheap.Addr) shownHolder {
		typ, _ := s.heap.TypeName(a) // the walk has found it
		return shownHolder{Addr: hex(a), Type: typ, Path: w.Path(a), Bytes: sizes.Of(a),
			Retained: d.Retained(a)}
	}
	if o.suspects {
		for _, x := range d.Suspects(o.share) {
			if len(out.Suspects) == list {
				break
			}
			h := held(x.Addr)
			h.Gathered, h.Objects = x.Gathered, x.Objects
			h.Most = &shownHeapRow{Name: x.Most.Name, Addr: hex(x.Most.Type),
				Objects: x.Most.Objects, Bytes: x.Most.Bytes}
			out.Suspects = append(out.Suspects, h)
		}
	}
	rows := d
	if !o.retained {
		rows = nil
	}
	out.rows(sizes.By(o.by, rows), o)
	if o.retained {
		for _, a := range d.Largest(list) {
			out.Largest = append(out.Largest, held(a))
		}
	}
	if o.duplicates {
		most, groups, wasted := sizes.Duplicates(list)
		out.Duplicates = &shownDups{Groups: groups, Wasted: wasted, Most: []shownDup{}}
		for _, g := range most {
			out.Duplicates.Most = append(out.Duplicates.Most, shownDup{hex(g.First), g.TypeName,
				s.heap.Repr(g.First, 60), w.Path(g.First), g.Count, g.Wasted})
		}
	}
	if o.fill {
		for _, x := range sizes.Fills() {
			if len(out.Fill) == list {
				break
			}
			f := shownFill{Type: x.TypeName, Objects: x.Objects, Empty: x.Empty, Used: x.Used,
				Capacity: x.Capacity, Wasted: x.Wasted}
			if x.Worst != 0 {
				f.Worst, f.Path = hex(x.Worst), w.Path(x.Worst)
			}
			out.Fill = append(out.Fill, f)
		}
	}
	out.account(s, w, list)
	return out, nil
}

// account tells where the memory of the allocators went.
func (h *shownHeap) account(s *subject, w *pyheap.Walk, list int) {
	r := w.Opaque()
	h.Memory = shownAccount{Live: r.Live, Known: r.Typed, Opaque: r.Opaque, Unreached: r.Unreached,
		Ranges: s.heap.AllocatorBytes()}
	for _, o := range r.Owners[:min(len(r.Owners), list)] {
		if o.Name != "(not reached)" {
			h.Memory.Owners = append(h.Memory.Owners, o)
		}
	}
}

// rows takes those that are asked for.
func (h *shownHeap) rows(all []pyheap.HeapRow, o *heapFlags) {
	for _, r := range all {
		if o.match != "" {
			if ok, _ := path.Match(o.match, r.Name); !ok { // the pattern was checked
				continue
			}
		}
		h.Objects += r.Objects
		h.Bytes += r.Bytes
		row := shownHeapRow{Name: r.Name, Objects: r.Objects, Bytes: r.Bytes, Retained: r.Retained}
		if r.Type != 0 {
			row.Addr = hex(r.Type)
		}
		h.Rows = append(h.Rows, row)
	}
	slices.SortStableFunc(h.Rows, func(a, b shownHeapRow) int {
		switch o.sort {
		case "objects":
			return cmp.Compare(b.Objects, a.Objects)
		case "retained":
			return cmp.Compare(b.Retained, a.Retained)
		case "name":
			return cmp.Compare(a.Name, b.Name)
		}
		return cmp.Compare(b.Bytes, a.Bytes)
	})
	if o.limit > 0 && len(h.Rows) > o.limit {
		h.LeftOut = len(h.Rows) - o.limit
		h.Rows = h.Rows[:o.limit]
	}
}
