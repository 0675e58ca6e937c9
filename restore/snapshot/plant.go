package snapshot

import (
	"fmt"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
	"pyfreeze/restore/stub"
)

// chooseBase returns an address where a process has nothing, and where no fresh process has anything either: between what is at the bottom
// of the address space and what is at its top.
func chooseBase(maps []procmem.Mapping) (procmem.Addr, error) {
	const first, step, last = 0x100000000000, 0x10000000000, 0x400000000000
	for at := procmem.Addr(first); at < last; at += step {
		region := procmem.Range{Start: at, End: at + stub.Region}
		free := true
		for i := range maps {
			free = free && !maps[i].Overlaps(region)
		}
		if free {
			return at, nil
		}
	}
	return 0, fmt.Errorf("the process has no room of %d MiB for the loader stub", stub.Region>>20)
}

// tablesRoom is how much the region of a process that is being frozen has behind the stub's variables.
const tablesRoom = 256 << 10

// plant puts the stub into the command, which has its main thread stopped, and sets a handler for what a debug register stops: should
// pyfreeze be killed, the command goes on.
func (c *Command) plant(maps []procmem.Mapping) (err error) {
	if c.base, err = chooseBase(maps); err != nil {
		return err
	}
	l, tid := stub.Own(), c.p.PID()
	size := uint64(l.End) + tablesRoom
	at, err := c.p.Syscall(tid, unix.SYS_MMAP, uint64(c.base), size, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_FIXED_NOREPLACE, ^uint64(0), 0)
	if err != nil {
		return fmt.Errorf("mapping the loader stub: %w", err)
	}
	if procmem.Addr(at) != c.base {
		return fmt.Errorf("the loader stub was mapped at %#x, not at %v: the kernel knows no MAP_FIXED_NOREPLACE (Linux 4.17)", at, c.base)
	}
	h := stub.Head{Base: uint64(c.base), Fn: c.fn}
	if _, err := c.p.WriteAt(h.Region(&stub.Tables{}), c.base); err != nil {
		return err
	}
	if _, err := c.p.Syscall(tid, unix.SYS_MPROTECT, uint64(c.base), uint64(l.Text), unix.PROT_READ|unix.PROT_EXEC); err != nil {
		return fmt.Errorf("making the loader stub executable: %w", err)
	}
	c.planted = true
	c.trap, err = c.swapTrap(c.ownTrap())
	return err
}

// action is what rt_sigaction takes: handler, flags, restorer, mask.
type action = [4]uint64

// ownTrap is the handler of the stub for what a debug register stops.
func (c *Command) ownTrap() action {
	const sigInfo, restorer = 4, 0x04000000 // SA_SIGINFO, SA_RESTORER
	l, base := stub.Own(), uint64(c.base)
	return action{base + uint64(l.Trap), sigInfo | restorer, base + uint64(l.Restorer), 0}
}

// removeTrap gives the command its own way with SIGTRAP back. No debug register is set any more.
func (c *Command) removeTrap() error {
	if !c.planted {
		return nil
	}
	c.planted = false
	now, err := c.swapTrap(c.trap)
	if err == nil && now[0] != c.ownTrap()[0] {
		_, err = c.swapTrap(now) // the program has set another since
	}
	return err
}

// swapTrap sets what the command does with SIGTRAP, and returns what it did.
func (c *Command) swapTrap(to action) (old action, err error) {
	b := make([]byte, 0, 64)
	for _, v := range to {
		b = le.AppendUint64(b, v)
	}
	at := c.base + procmem.Addr(stub.Own().End) + tablesRoom - 64
	if _, err := c.p.WriteAt(b, at); err != nil {
		return old, err
	}
	_, err = c.p.Syscall(c.p.PID(), unix.SYS_RT_SIGACTION,
		uint64(unix.SIGTRAP), uint64(at), uint64(at)+32, 8)
	if err != nil {
		return old, err
	}
	if _, err := c.p.ReadAt(b[:32], at+32); err != nil {
		return old, err
	}
	for i := range old {
		old[i] = le.Uint64(b[:32][8*i:])
	}
	return old, nil
}
