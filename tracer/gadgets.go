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

// findGadgets looks for them in the C library first. Like at syscallSite, the
// bytes need not be instructions of the code around them.
func (p *Process) findGadgets(maps []procmem.Mapping) (gadgets, error) {
	if p.gadgets.call != 0 && p.gadgets.restorer != 0 {
		return p.gadgets, nil
	}
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
