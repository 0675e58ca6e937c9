package main

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
)

// wordJSON is one word of memory, as --json prints it.
type wordJSON struct {
	Addr  string `json:"addr"`
	Value string `json:"value"`
	Kind  string `json:"kind"`          // "pointer", "data" or "unknown"
	How   string `json:"how,omitempty"` // how that is known
	In    string `json:"in"`
	To    string `json:"to,omitempty"` // of what may be a pointer
}

var wordKinds = map[pyheap.WordKind]string{pyheap.WordUnknown: "unknown", pyheap.WordPointer: "pointer", pyheap.WordData: "data"}

func newInspectWord(f *inspectFlags) *cobra.Command {
	count := 1
	c := &cobra.Command{
		Use:   "word TARGET ADDR",
		Short: "Tell what a word of memory is: a pointer, to what, or data, and how that is known",
		Long: `Tell of one word of memory, or of several that follow, whose they are, whether they hold pointers or
data, and how that is known: by the type of the object or block that they are part of, by the
C struct or static variable that debug information describes, or not at all; and what lies where they point.

A word of which nothing is known ("unknown") counts as a pointer when a thaw relocates what points into
a library that moves; pyfreeze info --opaque lists those.`,
		Example: `  pyfreeze inspect word 4711 0x7f3a5c0012d0
  pyfreeze inspect word hg.pyfreeze 0x95ab20 --count 16`,
		Args: targetArgs(2, 2, "a target and an address"),
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := strconv.ParseUint(args[1], 0, 64)
			if err != nil || at%8 != 0 || count < 1 || count > 1<<16 {
				return &usageError{fmt.Errorf("word takes an address that is a multiple of 8, and up to 65536 words")}
			}
			return runInspect(cmd, f, args[0], func(s *subject, p *progress) (any, func(io.Writer), error) {
				w, err := s.walk(p)
				if err != nil {
					return nil, nil, err
				}
				words := []wordJSON{}
				for i := range count {
					word, err := describeWord(s, w, procmem.Addr(at)+8*procmem.Addr(i))
					if err != nil {
						return nil, nil, err
					}
					words = append(words, word)
				}
				return words, func(out io.Writer) { writeWords(out, words) }, nil
			})
		},
	}
	c.Flags().IntVar(&count, "count", 1, "how many `WORDS`")
	return c
}

func describeWord(s *subject, w *pyheap.Walk, at procmem.Addr) (wordJSON, error) {
	value, err := s.space.Ptr(at)
	if err != nil {
		return wordJSON{}, err
	}
	info := w.Word(at)
	word := wordJSON{Addr: fmt.Sprintf("%#x", uint64(at)), Value: fmt.Sprintf("%#x", uint64(value)), Kind: wordKinds[info.Kind], How: info.How, In: w.At(at).String()}
	if _, known := s.space.Find(value); known && info.Kind != pyheap.WordData {
		word.To = w.At(value).String()
	}
	return word, nil
}

func writeWords(out io.Writer, words []wordJSON) {
	tw := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	defer tw.Flush()
	for _, w := range words {
		kind := w.Kind
		if w.How != "" {
			kind += " (" + w.How + ")"
		}
		to := ""
		if w.To != "" {
			to = "-> " + cut(printable(w.To), 100)
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", w.Addr, w.Value, kind, cut(printable(w.In), 60), to)
	}
}
