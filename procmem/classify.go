package procmem

import (
	"cmp"
	"slices"
	"strings"
)

// Class says what becomes of a piece of memory when a process is thawed.
type Class uint8

// The classes. See section 2 of docs/design.md.
const (
	ClassIdentity Class = iota // comes with a file: text, read-only data
	ClassFrozen                // anonymous memory: in the image, back at the same address
	ClassSaved                 // a module's writable sections: in the image, copied over the fresh ones
	ClassFresh                 // the new process's own: libc, ld.so, relocated tables, locale files
	ClassStack                 // the main thread's stack
	ClassKernel                // vDSO and the like
	ClassVoid                  // no access: guard pages, address space set aside
	ClassRefused               // cannot be cloned: shared writable memory, devices
)

var classNames = [...]string{"identity", "frozen", "saved", "fresh", "stack", "kernel", "void", "refused"}

// String gives the class's name.
func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return "unknown"
}

// Owner is a module in the address space: the interpreter or a library.
type Owner struct {
	Range
	// System is set for the C library's family, all of which stays fresh.
	System bool
	// Saved are the ranges, to the byte, whose contents are frozen.
	Saved []Range
}

// Region is a piece of the address space of one class.
type Region struct {
	Range
	Class   Class
	Mapping Mapping // that it is part of
	Owner   int     // index of the owner, -1 without
}

// Classify cuts the mappings into regions of one class, in address order. It goes
// by page and owner, never by mapping: the kernel merges neighbours, so that one
// mapping may hold a library's .bss and a piece of the heap.
func Classify(maps []Mapping, owners []Owner) []Region {
	owners = slices.Clone(owners)
	index := make([]int, len(owners))
	for i := range index {
		index[i] = i
	}
	slices.SortFunc(index, func(a, b int) int { return cmp.Compare(owners[a].Start, owners[b].Start) })
	var out []Region
	for _, m := range maps {
		at := m.Start
		for _, i := range index {
			o := &owners[i]
			if o.End <= at || o.Start >= m.End {
				continue
			}
			if o.Start > at {
				out = append(out, Region{Range{at, o.Start}, classOf(m), m, -1})
				at = o.Start
			}
			end := min(o.End, m.End)
			out = append(out, owned(m, Range{at, end}, o, i)...)
			at = end
		}
		if at < m.End {
			out = append(out, Region{Range{at, m.End}, classOf(m), m, -1})
		}
	}
	return out
}

// owned cuts the part r of mapping m, which lies in o.
func owned(m Mapping, r Range, o *Owner, i int) []Region {
	rest := ClassIdentity
	switch {
	case m.Write:
		rest = ClassFresh
	case !m.Read && !m.Exec:
		rest = ClassVoid
	}
	if o.System || !m.Write {
		return []Region{{r, rest, m, i}}
	}
	var out []Region
	at := r.Start
	for _, s := range o.Saved {
		lo, hi := max(s.Start, at), min(s.End, r.End)
		if lo >= hi {
			continue
		}
		if lo > at {
			out = append(out, Region{Range{at, lo}, rest, m, i})
		}
		out = append(out, Region{Range{lo, hi}, ClassSaved, m, i})
		at = hi
	}
	if at < r.End {
		out = append(out, Region{Range{at, r.End}, rest, m, i})
	}
	return out
}

// classOf classifies memory that no module owns.
func classOf(m Mapping) Class {
	switch {
	case strings.HasPrefix(m.Path, "[stack"):
		return ClassStack
	case strings.HasPrefix(m.Path, "[v") || strings.HasPrefix(m.Path, "[uprobes"):
		return ClassKernel
	case !m.Read && !m.Write && !m.Exec:
		return ClassVoid
	case strings.HasPrefix(m.Path, "/dev/") && m.Path != "/dev/zero" && !strings.HasPrefix(m.Path, "/dev/shm/"):
		return ClassRefused
	case m.Shared && m.Write:
		return ClassRefused
	case isLocaleFile(m.Path):
		return ClassFresh
	}
	return ClassFrozen
}

// isLocaleFile recognises what libc maps for itself: locales, character sets.
func isLocaleFile(path string) bool {
	return strings.Contains(path, "/locale/") || strings.Contains(path, "/gconv/") || strings.HasSuffix(path, "/locale-archive")
}
