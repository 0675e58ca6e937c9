package restore

import (
	"errors"
	"slices"
	"strings"

	"pyfreeze/image"
	"pyfreeze/procmem"
)

// finish compiles the thaw program and writes the image. The program holds
// offsets of the image, which depend on the program's length alone; that is known once
// the neighbours are.
func finish(o FreezeOptions, content *image.Content, comp *compiler, g *guards, entry uint64) error {
	segs := make([]image.SegmentInfo, len(comp.frz.segs))
	for range 4 {
		var err error
		if content.Program, err = programNote(comp, segs, g.Exe, entry); err != nil {
			return err
		}
		planned, err := image.Plan(content)
		if err != nil {
			return err
		}
		if slices.Equal(planned, segs) {
			return image.Write(o.Output, content, o.progress("writing the image"))
		}
		segs = planned
	}
	return errors.New("the layout of the image does not settle: a fault in pyfreeze")
}

// programNote is what a thaw maps: the stub, room for the run block, the program.
func programNote(c *compiler, segs []image.SegmentInfo, exe string, entry uint64) ([]byte, error) {
	prog, err := c.build(segs, exe, entry)
	if err != nil {
		return nil, err
	}
	out := slices.Clone(stubBlob)
	out = append(out, make([]byte, align16(len(out))-len(out)+runBlockSize)...)
	return append(out, prog...), nil
}

func fileMappings(maps []procmem.Mapping) []image.FileMapping {
	var out []image.FileMapping
	for _, m := range maps {
		if strings.HasPrefix(m.Path, "/") && !m.Deleted {
			out = append(out, image.FileMapping{Start: uint64(m.Start), End: uint64(m.End), PageOff: m.Offset / 4096, Path: m.Path})
		}
	}
	return out
}

func sortWords(w []uint64) { slices.Sort(w) }
func align16(n int) int    { return (n + 15) &^ 15 }
