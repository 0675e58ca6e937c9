package tracer

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"pyfreeze/procmem"
)

// gadgets are pieces of the target's own code that an injection runs.
type gadgets struct {
	call     procmem.Addr // a system call, and return
	restorer procmem.Addr // rt_sigreturn: what signal handlers return to
}

// ErrNoGadget says that the code of the target lacks an instruction sequence
// that every C library has.
var ErrNoGadget = errors.New("no C library with a return from signal handlers is mapped")

// prepare looks for gadgets while the target still runs, to keep its stop short.
// What it does not find is looked for again, and an error comes out, later.
func (p *Process) prepare() {
	if maps, err := procmem.ReadMaps(p.pid); err == nil {
		_, _ = p.findGadgets(maps)
	}
	p.closeMem() // it holds on to an address space; there may be another one soon
}

// findGadgets looks for them in the C library first. Like at syscallSite, the
// bytes need not be instructions of the code around them.
func (p *Process) findGadgets(maps []procmem.Mapping) (gadgets, error) {
	if p.holds(p.gadgets.call, callInsn) && p.holds(p.gadgets.restorer, restorerInsn) {
		return p.gadgets, nil
	}
	p.gadgets = gadgets{}
	for _, wanted := range []string{"/libc.so", "/libc-", ""} {
		for _, m := range maps {
			if !m.Exec || !m.Read || m.Path == "[vsyscall]" || !strings.Contains(m.Path, wanted) {
				continue
			}
			if err := p.searchGadgets(m); err != nil {
				return gadgets{}, err
			}
			if p.gadgets.call != 0 && p.gadgets.restorer != 0 {
				return p.gadgets, nil
			}
		}
	}
	return gadgets{}, fmt.Errorf("process %d: %w", p.pid, ErrNoGadget)
}

// holds says whether the target has this code at a: it may have called exec since
// it was found.
func (p *Process) holds(a procmem.Addr, code []byte) bool {
	if a == 0 {
		return false
	}
	b := make([]byte, len(code))
	_, err := p.readMem(b, a)
	return err == nil && bytes.Equal(b, code)
}

// searchGadgets searches one mapping, in pieces: they are near its beginning.
func (p *Process) searchGadgets(m procmem.Mapping) error {
	const piece, limit = 64 << 10, 16 << 20
	overlap := procmem.Addr(max(len(callInsn), len(restorerInsn)))
	buf := make([]byte, piece)
	for at := m.Start; at < m.End && at-m.Start < limit; at += piece - overlap {
		text := buf[:min(piece, uint64(m.End-at))]
		n, err := p.readMem(text, at)
		if errors.Is(err, ErrNoProcess) {
			return err
		}
		if i := bytes.Index(text[:n], callInsn); i >= 0 && p.gadgets.call == 0 {
			p.gadgets.call = at + procmem.Addr(i)
		}
		if i := bytes.Index(text[:n], restorerInsn); i >= 0 && p.gadgets.restorer == 0 {
			p.gadgets.restorer = at + procmem.Addr(i)
		}
		if err != nil || uint64(at)+piece >= uint64(m.End) || p.gadgets.call != 0 && p.gadgets.restorer != 0 {
			return nil
		}
	}
	return nil
}
