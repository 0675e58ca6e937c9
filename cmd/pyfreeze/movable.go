package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"pyfreeze/pyheap"
)

// movableJSON is what info --movable --json prints.
type movableJSON struct {
	Fates  map[string]pyheap.MovableCount `json:"fates"`
	Opaque pyheap.MovableCount            `json:"opaque"`
	Hashes map[string]int                 `json:"hashes"`

	ReorderedSets int           `json:"reordered_sets"`
	FileOrdered   int           `json:"file_ordered"`
	InlineCaches  int           `json:"inline_caches"`
	Reasons       []movableWhy  `json:"reasons"`
	IDCount       int           `json:"id_count"`
	IDs           []movableIDed `json:"ids"`
}

type movableWhy struct {
	Fate string `json:"fate"`
	Why  string `json:"why"`
	pyheap.MovableCount
	Example string `json:"example"` // path of one of the objects
}

type movableIDed struct {
	Path string `json:"path"` // of the int
	Type string `json:"type"` // of the object whose address it equals
}

const maxReasonsShown = 20

// showMovable says how much of an image could be moved.
func showMovable(ctx context.Context, w io.Writer, path string, asJSON bool) error {
	p := newProgress(false)
	defer p.end()
	if filepath.Base(path) == path {
		path = "." + string(filepath.Separator) + path // not a process id
	}
	s, err := openSubject(ctx, path, 0, p)
	if err != nil {
		return err
	}
	defer s.close()
	p.step("walking the heap", 0, 0)
	walk, err := s.heap.Walk(pyheap.WalkOptions{Stacks: s.stacks()})
	if err != nil {
		return err
	}
	m, err := walk.Movable(func(done, total uint64) { p.step("looking at every object", done, total) })
	if err != nil {
		return err
	}
	p.end()
	j := movableJSON{Fates: map[string]pyheap.MovableCount{}, Opaque: m.Opaque, Hashes: map[string]int{},
		ReorderedSets: m.ReorderedSets, FileOrdered: m.FileOrdered, InlineCaches: m.InlineCaches, IDCount: m.IDCount, Reasons: []movableWhy{}, IDs: []movableIDed{}}
	for f, n := range m.Fates {
		j.Fates[pyheap.Fate(f).String()] = n
	}
	for b, n := range m.Hashes {
		j.Hashes[pyheap.HashBasis(b).String()] = n
	}
	for _, r := range m.Reasons {
		j.Reasons = append(j.Reasons, movableWhy{r.Fate.String(), r.Why, r.MovableCount, walk.Path(r.Example)})
	}
	for _, id := range m.IDs {
		j.IDs = append(j.IDs, movableIDed{walk.Path(id.Int), id.TypeName})
	}
	if asJSON {
		return json.NewEncoder(os.Stdout).Encode(&j)
	}
	return movableText(w, &j)
}

// fateTexts explain the fates, in the order in which they are shown.
var fateTexts = []struct{ fate, text string }{
	{"free", "all references to them are known"},
	{"rebuild", "what they hold depends on addresses, and must be computed anew"},
	{"unknown", "what they hold cannot be known without running code"},
	{"pinned", "something may refer to them that cannot be corrected"},
	{"static", "part of the executable or a library, move with it"},
}

func movableText(w io.Writer, j *movableJSON) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', tabwriter.AlignRight)
	row := func(name string, n pyheap.MovableCount, text string) {
		fmt.Fprintf(tw, "%s\t%d\t%d\t  %s\n", name, n.Objects, n.Bytes, text)
	}
	fmt.Fprint(tw, "\tobjects\tbytes\t\n")
	for _, f := range fateTexts {
		row(f.fate, j.Fates[f.fate], f.text)
	}
	row("opaque", j.Opaque, "blocks of memory of unknown type: stay")
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nhashes: %d by value, %d by address, %d by addresses in files, %d not known, %d objects have none\n",
		j.Hashes["value"], j.Hashes["address"], j.Hashes["fixed"], j.Hashes["unknown"], j.Hashes["none"])
	fmt.Fprintf(w, "%d sets would be iterated in another order; caches in the bytecode of %d code objects would be cleared\n", j.ReorderedSets, j.InlineCaches)
	fmt.Fprintf(w, "%d more dicts and sets would have to be rebuilt if the executable or libraries moved\n", j.FileOrdered)
	if len(j.Reasons) > 0 {
		fmt.Fprintln(w)
	}
	for i, r := range j.Reasons {
		if i == maxReasonsShown {
			fmt.Fprintf(w, "... %d more reasons: --json\n", len(j.Reasons)-i)
			break
		}
		fmt.Fprintf(w, "%s: %d objects, %d bytes: %s\n    such as %s\n", r.Fate, r.Objects, r.Bytes, printable(r.Why), printable(r.Example))
	}
	if j.IDCount > 0 {
		fmt.Fprintf(w, "\n%d numbers equal the address of an object, as id() gives it:\n", j.IDCount)
	}
	for _, id := range j.IDs[:min(len(j.IDs), maxReasonsShown)] {
		fmt.Fprintf(w, "    %s: of a %s\n", printable(id.Path), printable(id.Type))
	}
	return nil
}
