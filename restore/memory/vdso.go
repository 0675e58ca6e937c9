package memory

import (
	"fmt"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
	"pyfreeze/restore/stub"
)

// addKernel notes a part of the vDSO, which each kernel gives its processes.
func (g *gatherer) addKernel(m *procmem.Mapping) error {
	if len(g.m.VDSO) == 4 {
		return fmt.Errorf("%s at %v: more parts of the vDSO than are known", m.Path, m.Range)
	}
	g.m.VDSO = append(g.m.VDSO, m.Range)
	if m.Path == "[vdso]" {
		b, err := g.c.Space.Bytes(m.Start, m.Len())
		if err != nil {
			return err
		}
		g.m.VDSOSum = stub.Checksum(b)
		g.m.pieces = append(g.m.pieces, piece{m.Range, b, shown, prot(m)}) // for debuggers
	}
	return nil
}

// vdsoWords finds the words that point into the vDSO: libc keeps its functions.
func (m *Memory) vdsoWords() {
	if len(m.VDSO) == 0 {
		return
	}
	lo, hi := uint64(m.VDSO[0].Start), uint64(m.VDSO[len(m.VDSO)-1].End)
	for i := range m.pieces {
		p := &m.pieces[i]
		if p.how == shown {
			continue
		}
		piecewise(m.space, p.Start, p.data, func(at procmem.Addr, b []byte) {
			for off := 0; off+8 <= len(b); off += 8 {
				if v := le.Uint64(b[off:]); v >= lo && v < hi {
					w := uint64(at) + uint64(off)
					if p.prot&unix.PROT_WRITE == 0 {
						w |= 1
					}
					m.Words = append(m.Words, w)
				}
			}
		})
	}
}
