package snapshot

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"pyfreeze/procmem"
	"pyfreeze/restore/prefix"
	"pyfreeze/tracer"
)

// wrapperObserver watches what a command does before it executes its interpreter, and the
// processes that it starts.
type wrapperObserver struct{ effect string }

// wants returns what is asked for each system call.
func (w *wrapperObserver) wants(c *Command) func(int, *tracer.Call) bool {
	return func(pid int, call *tracer.Call) bool {
		p := &prefix.Process{PID: pid, Mem: traced{pid}, Inherited: c.start.FDs, Streams: c.streams}
		if call.Done {
			if !p.FindsItself(call) {
				c.reads.Note(p, call, false)
			}
			return false
		}
		if wrapping[call.Nr] || p.Opens(call) == "/dev/tty" { // as bash does when it begins
			return false
		}
		w.effect = p.Effect(call)
		return w.effect != ""
	}
}

// before is what a command was started with, and a wrapper may change for what it executes.
type before struct {
	state   *State
	ignored uint64
	streams [3]string
	known   bool
}

func readBefore(pid int) (b before) {
	var err, err2 error
	b.state, err = readState(pid)
	_, b.ignored, err2 = readSignals(pid)
	for fd := range b.streams {
		b.streams[fd], _ = os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd)) // "": it is closed
	}
	b.known = err == nil && err2 == nil
	return b
}

// changes says what a wrapper has changed; "" for nothing that is not done again.
func (b *before) changes(now *before) string {
	switch {
	case !b.known || !now.known:
		return ""
	case b.streams != now.streams:
		return "redirects its streams"
	case b.ignored != now.ignored:
		return "ignores signals"
	case b.state.Umask != now.state.Umask:
		return "sets the umask"
	case b.state.Limits != now.state.Limits:
		return "sets limits"
	case b.state.Nice != now.state.Nice:
		return "sets the priority"
	case b.state.NoNewPrivs != now.state.NoNewPrivs || !maps.Equal(b.state.Fixed, now.state.Fixed):
		return "changes its rights"
	}
	return ""
}

// wrapperEnds looks at what a wrapper has read and changed, now that it has executed the
// interpreter. The error is a *WrapperError.
func (c *Command) wrapperEnds() error {
	first := c.start.Argv[0]
	if c.reads == nil || len(c.wrapped) == 0 {
		return nil
	}
	now := readBefore(c.p.PID())
	if what := c.before.changes(&now); what != "" {
		return &WrapperError{c.wrapped[len(c.wrapped)-1], what}
	}
	below := strings.Contains(first, "/") && !filepath.IsAbs(first)
	for path := range c.reads.Files {
		below = below || strings.HasPrefix(path, strings.TrimSuffix(c.start.Cwd, "/")+"/")
	}
	for _, e := range append(c.start.Argv[1:], c.start.Environ...) {
		name, value, _ := strings.Cut(e, "=")
		at := strings.Contains(value, c.start.Cwd) && name != "PWD" && name != "OLDPWD"
		below = below || at && c.start.Cwd != "/"
	}
	if below { // what it did is another thing elsewhere
		c.reads.Asked[prefix.AskedCwd] = true
	}
	return nil
}

// wrapping are calls by which nobody can tell that a wrapper runs: what they start is watched, too,
// and ends.
var wrapping = map[uint64]bool{unix.SYS_EXECVE: true, unix.SYS_CLONE: true, unix.SYS_CLONE3: true,
	unix.SYS_FORK: true, unix.SYS_VFORK: true, unix.SYS_EXIT: true, unix.SYS_EXIT_GROUP: true,
	unix.SYS_SETPGID: true}

// traced reads the memory of a process, whatever it executes meanwhile.
type traced struct{ pid int }

func (t traced) ReadAt(b []byte, a procmem.Addr) (int, error) {
	live, err := procmem.OpenLive(t.pid)
	if err != nil {
		return 0, err
	}
	defer live.Close()
	return live.ReadAt(b, a)
}

// readStreams returns what the descriptors of a process are open for.
func readStreams(pid int) (out []string) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	names, _ := os.ReadDir(dir) // a process that has gone has none
	for _, n := range names {
		if link, err := os.Readlink(dir + "/" + n.Name()); err == nil {
			out = append(out, link)
		}
	}
	return out
}

// WrapperError says that what a command executes before its interpreter does something that must
// not be done again.
type WrapperError struct{ Wrapper, Does string }

func (e *WrapperError) Error() string {
	return fmt.Sprintf("cannot freeze: %s, which starts the program, %s before "+
		"(give the command of the interpreter itself, or the path of the program behind it)",
		e.Wrapper, e.Does)
}
