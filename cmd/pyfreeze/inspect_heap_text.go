package main

import (
	"fmt"
	"io"
)

// write prints the rows, then what else was asked for, and the account of all memory.
func (h *shownHeap) write(w io.Writer) {
	retained := h.flags.retained && h.By != "allocator"
	column := func(n any) string {
		if !retained {
			return ""
		}
		return fmt.Sprintf("%14v", n)
	}
	fmt.Fprintf(w, "%10s %13s%s  %s\n", "objects", "bytes", column("retained"), h.By)
	for _, r := range h.Rows {
		fmt.Fprintf(w, "%10d %13d%s  %s\n", r.Objects, r.Bytes, column(r.Retained),
			printable(r.Name))
	}
	if h.LeftOut > 0 {
		fmt.Fprintf(w, "%10s %13s%s  (%d more)\n", "", "", column(""), h.LeftOut)
	}
	fmt.Fprintf(w, "%10d %13d%s  in all\n", h.Objects, h.Bytes, column(""))
	if len(h.Largest) > 0 {
		fmt.Fprintf(w, "\nkeep most alive\n%13s %13s  object\n", "retained", "own")
		for i := range h.Largest {
			x := &h.Largest[i]
			fmt.Fprintf(w, "%13d %13d  %s %s  %s\n", x.Retained, x.Bytes, x.Addr, printable(x.Type),
				printable(x.Path))
		}
	}
	h.writeSuspects(w)
	if d := h.Duplicates; d != nil {
		fmt.Fprintf(w,
			"\nequal strings, bytes and tuples: %d bytes in %d groups\n%13s %10s  first of them\n",
			d.Wasted, d.Groups, "wasted", "objects")
		for _, x := range d.Most {
			fmt.Fprintf(w, "%13d %10d  %s %s  %s\n", x.Wasted, x.Count, x.Addr,
				printable(shortType(x.Type)), printable(x.Repr))
		}
	}
	if len(h.Fill) > 0 {
		fmt.Fprintf(w, "\nroom in containers\n%13s %10s %10s %6s  type, and which has most\n",
			"unused bytes", "objects", "empty", "full")
		for _, x := range h.Fill {
			full := 100.0
			if x.Capacity > 0 {
				full = 100 * float64(x.Used) / float64(x.Capacity)
			}
			where := x.Path
			if where == "" {
				where = x.Worst
			}
			fmt.Fprintf(w, "%13d %10d %10d %5.0f%%  %s  %s\n", x.Wasted, x.Objects, x.Empty, full,
				printable(x.Type), printable(where))
		}
	}
	m := &h.Memory
	fmt.Fprintf(w,
		"\nallocators have %s, and have handed out %s: %s of known type, %s of unknown,\n%s that nothing was found to refer to\n",
		kib(m.Ranges), kib(m.Live), kib(m.Known), kib(m.Opaque), kib(m.Unreached))
	for _, o := range m.Owners {
		if o.Bytes >= m.Live/100 {
			fmt.Fprintf(w, "%13d %10d  unknown, of %s\n", o.Bytes, o.Blocks, printable(o.Name))
		}
	}
}

func (h *shownHeap) writeSuspects(w io.Writer) {
	if !h.flags.suspects {
		return
	}
	if len(h.Suspects) == 0 {
		fmt.Fprintf(w, "\nno object has gathered %g of all memory\n", h.flags.share)
	}
	for i := range h.Suspects {
		x := &h.Suspects[i]
		if i == 0 {
			fmt.Fprintln(w, "\nwhere memory has gathered")
		}
		fmt.Fprintf(w, "%13d  %s  %s %s\n", x.Gathered, printable(x.Path), x.Addr,
			printable(x.Type))
		fmt.Fprintf(w, "%13s  keeps %d objects, %d bytes; most are %d of %s, %d bytes\n", "",
			x.Objects, x.Retained,
			x.Most.Objects, printable(x.Most.Name), x.Most.Bytes)
	}
}

func kib(n uint64) string { return fmt.Sprintf("%d KiB", n>>10) }
