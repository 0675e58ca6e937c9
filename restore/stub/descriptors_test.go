package stub_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pyfreeze/restore/internal/parity"
	"pyfreeze/restore/stub"
)

// held is where the process keeps numbers of descriptors (HELD in src/descriptors_test.c).
const held = 0x10000000

// maker is a process that has made the descriptors of an image.
type maker struct {
	t    *testing.T
	pid  int
	fd   int // of the process
	in   io.Writer
	out  *bufio.Reader
	said string
}

// made starts a process that makes descriptors. Those that it inherits begin with number 3.
func made(t *testing.T, bin string, log int, inherits []*os.File, tables *stub.Tables,
	list ...stub.FD) *maker {
	t.Helper()
	h := stub.Head{NFDs: uint32(len(list)), FDs: stub.Encode(tables, list)}
	_, rest, err := stub.ReadProgram(h.Program(tables))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "tables")
	if err := os.WriteFile(path, rest, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, path, strconv.Itoa(log))
	cmd.ExtraFiles, cmd.Stderr = inherits, os.Stderr
	m := &maker{t: t}
	if m.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	m.pid, m.out = cmd.Process.Pid, bufio.NewReader(out)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if m.fd, err = unix.PidfdOpen(m.pid, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(m.fd) })
	m.said = m.line()
	return m
}

func (m *maker) line() string {
	m.t.Helper()
	s, err := m.out.ReadString('\n')
	if err != nil {
		m.t.Fatalf("the process said %q: %v", s, err)
	}
	return strings.TrimSpace(s)
}

// links tells what a process has open besides its standard descriptors.
func (m *maker) links() map[int]string {
	m.t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", m.pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		m.t.Fatal(err)
	}
	out := map[int]string{}
	for _, e := range entries {
		n, err := strconv.Atoi(e.Name())
		to, err2 := os.Readlink(filepath.Join(dir, e.Name()))
		if err != nil || err2 != nil {
			m.t.Fatal(err, err2)
		}
		if kind, _, ok := strings.Cut(to, ":["); ok && kind != "anon_inode" {
			to = kind // pipe:[NUMBER]
		}
		if n > 2 {
			out[n] = to
		}
	}
	return out
}

// info reads a line of what the kernel tells of a descriptor.
func (m *maker) info(fd int, name string) string {
	m.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%d", m.pid, fd))
	if err != nil {
		m.t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// waits reads what waits at a descriptor of the process, without waiting for more.
func (m *maker) waits(fd int) string {
	m.t.Helper()
	own, err := unix.PidfdGetfd(m.fd, fd, 0)
	if err != nil {
		m.t.Fatal(err)
	}
	defer unix.Close(own)
	b := make([]byte, 1<<16)
	poll := []unix.PollFd{{Fd: int32(own), Events: unix.POLLIN}}
	if n, err := unix.Poll(poll, 0); n != 1 {
		m.t.Errorf("nothing waits at descriptor %d (%v)", fd, err)
		return ""
	}
	n, err := unix.Read(own, b)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(b[:n])
}

// compile is done once a test: each looks at several processes.
func compile(t *testing.T) string { return parity.Compile(t, "descriptors_test.c") }
