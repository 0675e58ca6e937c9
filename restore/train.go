package restore

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"pyfreeze/procmem"
)

// hotRange is memory that every thaw writes to, in whole pages.
type hotRange struct{ addr, length uint64 }

const (
	trainTimeout = 10 * time.Second
	// trainLimit: a larger image is not written twice.
	trainLimit = 1 << 30
	// trainCode is what the training run does once it is thawed: say so and wait.
	trainCode = `import os
os.write(1, b'+')
os.read(0, 1)
os._exit(0)
`
)

// train thaws the image once and finds the pages that it wrote to on its way to
// the program's first line. A copy-on-write fault costs a few microseconds, and there
// are a thousand of them; with the list the stub asks for all at once.
// Nothing is trained where the target belongs to another user: a thaw
// runs what that user's process held.
func train(o FreezeOptions, environ []string, frz *frozen) ([]hotRange, error) {
	var total uint64
	for _, s := range frz.segs {
		total += s.Len()
	}
	st, err := os.Stat(fmt.Sprintf("/proc/%d", o.PID))
	if o.Self == "" || total > trainLimit || err != nil || ownerOf(st) != os.Geteuid() {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), trainTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, o.Self, "run", "-c", trainCode, o.Output)
	cmd.Env = environ
	cmd.Dir = "/"
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	defer func() {
		_ = in.Close()
		_ = cmd.Wait() // how it ends tells nothing
	}()
	b := make([]byte, 1)
	if _, err := out.Read(b); err != nil || !bytes.Equal(b, []byte("+")) {
		return nil, fmt.Errorf("the training run came to nothing: %w", err)
	}
	return writtenPages(cmd.Process.Pid, frz)
}

// Bits of an entry of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst).
const (
	pagePresent = 1 << 63
	pageOfFile  = 1 << 61
)

// writtenPages lists the pages of frozen memory that are copies by now: private
// mappings of the image whose page is no page of the file any more.
func writtenPages(pid int, frz *frozen) ([]hotRange, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/pagemap", pid))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []hotRange
	for _, s := range frz.segs {
		if s.inspectOnly || s.prot&protWrite == 0 || !s.early && s.Class != procmem.ClassSaved {
			continue
		}
		lo, hi := pageUp(uint64(s.Start)), pageDown(uint64(s.End))
		if hi <= lo || !s.early && hi-lo < minMapped {
			continue // read, not mapped
		}
		b := make([]byte, (hi-lo)/4096*8)
		if _, err := f.ReadAt(b, int64(lo/4096*8)); err != nil {
			return nil, err
		}
		for i := 0; i < len(b); i += 8 {
			e := binary.LittleEndian.Uint64(b[i:])
			if e&pagePresent == 0 || e&pageOfFile != 0 {
				continue
			}
			at := lo + uint64(i)/8*4096
			// A gap of one page costs less than another call.
			if n := len(out); n > 0 && at-(out[n-1].addr+out[n-1].length) <= 4096 && at >= lo+4096 {
				out[n-1].length = at + 4096 - out[n-1].addr
				continue
			}
			out = append(out, hotRange{at, 4096})
		}
	}
	return out, nil
}

func ownerOf(st os.FileInfo) int {
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid)
	}
	return -1
}
