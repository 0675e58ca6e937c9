package restore

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
)

// openFile is what the kernel says of a descriptor (proc_pid_fdinfo(5)).
type openFile struct {
	offset   uint64
	flags    int // of open(2), with O_CLOEXEC
	locked   bool
	dev, ino uint64
	mode     uint32
}

// readOpenFile asks for a descriptor of a stopped process.
func readOpenFile(pid, fd int) (o openFile, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%d", pid, fd))
	if err != nil {
		return o, err
	}
	lines := bufio.NewScanner(bytes.NewReader(b))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimSpace(value)
		switch name {
		case "pos":
			o.offset, err = strconv.ParseUint(value, 10, 63)
		case "flags":
			var n uint64
			n, err = strconv.ParseUint(value, 8, 31)
			o.flags = int(n)
		case "lock":
			o.locked = true
		}
		if err != nil {
			return o, fmt.Errorf("/proc/%d/fdinfo/%d: %w", pid, fd, err)
		}
	}
	var st unix.Stat_t
	if err := unix.Stat(fmt.Sprintf("/proc/%d/fd/%d", pid, fd), &st); err != nil {
		return o, err
	}
	o.dev, o.ino, o.mode = st.Dev, st.Ino, st.Mode
	return o, nil
}

// endless are devices that give every process the same.
var endless = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}

// reopenFlags are those of the flags of an open file that open(2) is given again.
const reopenFlags = unix.O_ACCMODE | unix.O_APPEND | unix.O_NONBLOCK | unix.O_DIRECTORY | unix.O_CLOEXEC | unix.O_NOATIME | unix.O_LARGEFILE

// canReopen says why a thaw cannot open the file of d again by its path and be where the target was; "" when it can.
func (d *Descriptor) canReopen() string {
	o := &d.open
	var st unix.Stat_t
	if err := unix.Stat(d.Target, &st); err != nil || st.Dev != o.dev || st.Ino != o.ino {
		return "a file that is no longer under its path"
	}
	if slices.Contains(endless, d.Target) {
		return ""
	}
	kind := o.mode & unix.S_IFMT
	switch {
	case kind != unix.S_IFREG && kind != unix.S_IFDIR:
		return "no regular file"
	case strings.HasPrefix(d.Target, "/proc/") || strings.HasPrefix(d.Target, "/sys/"):
		return "a file of the kernel, about this process or this moment"
	case o.locked:
		return "a file that is locked"
	case o.flags&unix.O_ACCMODE != unix.O_RDONLY && o.flags&unix.O_APPEND == 0:
		return "a file that every thaw would write to at the same place"
	}
	return ""
}

// guarded says whether a thaw needs the file as it was: what was read of it is in the streams' buffers.
func (d *Descriptor) guarded() bool {
	return d.open.mode&unix.S_IFMT == unix.S_IFREG && d.open.flags&unix.O_ACCMODE == unix.O_RDONLY
}

// unwritten says whether a stream on the FileIO at raw has data that it has not written yet: every thaw would write it.
func unwritten(h *pyheap.Heap, w *pyheap.Walk, raw pyheap.Addr) bool {
	var buffers []pyheap.Addr
	for _, typ := range []string{"_io.BufferedWriter", "_io.BufferedRandom"} {
		for _, o := range w.OfType(typ) {
			if at, err := h.CField(o.Addr, "raw"); err != nil || at != uint64(raw) {
				continue
			}
			buffers = append(buffers, o.Addr)
			pos, err := h.CField(o.Addr, "write_pos")
			end, err2 := h.CField(o.Addr, "write_end") // -1 when there is none
			if err != nil || err2 != nil || int64(end) > int64(pos) {
				return true
			}
		}
	}
	for _, o := range w.OfType("_io.TextIOWrapper") {
		at, err := h.CField(o.Addr, "buffer")
		if err != nil || !slices.Contains(buffers, pyheap.Addr(at)) {
			continue
		}
		if n, err := h.CField(o.Addr, "pending_bytes_count"); err != nil || n != 0 {
			return true
		}
	}
	return false
}

// reopening is a descriptor that the thaw opens again, and the C ints that keep its number; where none is known the number must be the same.
type reopening struct {
	d     *Descriptor
	holds []procmem.Addr
}

// reopen opens files again, each under its number if that is free, before Python runs; where one cannot be, the plain command does.
func (c *compiler) reopen(p *program, files []reopening) {
	const sysOpen, sysClose, sysLseek, sysFcntl = 2, 3, 8, 72
	succeeds := func(r int) {
		p.emitTo(rRaw, opAnd, reg(r), imm(1<<63))
		p.emit(opFailNZ, reg(rRaw))
	}
	for _, f := range files {
		o := &f.d.open
		dup := uint64(unix.F_DUPFD)
		if o.flags&unix.O_CLOEXEC != 0 {
			dup = unix.F_DUPFD_CLOEXEC
		}
		p.emitTo(rTmp, opSyscall, imm(sysOpen), p.str(f.d.Target), imm(uint64(o.flags&reopenFlags)), imm(0))
		succeeds(rTmp)
		p.emitTo(rObj, opAnd, reg(rTmp), imm(^uint64(0)))
		p.emitTo(rRaw, opSub, reg(rTmp), imm(uint64(f.d.FD)))
		p.ifNonZero(reg(rRaw), func() { // the lowest number that is free may be that of a standard stream, which is closed
			p.emitTo(rObj, opSyscall, imm(sysFcntl), reg(rTmp), imm(dup), imm(uint64(f.d.FD)))
			succeeds(rObj)
			p.emitTo(rTmp, opSyscall, imm(sysClose), reg(rTmp))
		})
		if o.offset != 0 {
			p.emitTo(rTmp, opSyscall, imm(sysLseek), reg(rObj), imm(o.offset), imm(unix.SEEK_SET))
			succeeds(rTmp)
		}
		if len(f.holds) == 0 {
			p.emitTo(rTmp, opSub, reg(rObj), imm(uint64(f.d.FD)))
			p.emit(opFailNZ, reg(rTmp))
		}
		for _, at := range f.holds {
			p.emit(opStore32, imm(uint64(at)), reg(rObj))
		}
	}
}
