// Package parity asks the C code of the launcher what it decides, for tests that compare it with
// what the Go code decides. The C side is restore/stub/src/parity_test.c, compiled by the test.
package parity

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Driver is the C side, a process.
type Driver struct {
	t   testing.TB
	cmd *exec.Cmd
	in  io.WriteCloser
	out io.Reader

	died bool // and was expected to
}

// Start compiles the C side, once for all tests of a package, and starts it. It ends with the test.
func Start(t testing.TB) *Driver {
	t.Helper()
	bin, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	// The file has no name any more: it is executed through its descriptor.
	d := &Driver{t: t, cmd: exec.Command(fmt.Sprintf("/proc/self/fd/%d", bin.Fd()))}
	d.cmd.Stderr = os.Stderr
	if d.in, err = d.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if d.out, err = d.cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = d.in.Close()
		if err := d.cmd.Wait(); err != nil && !d.died && !t.Failed() {
			t.Errorf("the C side: %v", err)
		}
	})
	return d
}

// For is the same process for another test, such as one input of a fuzzer.
func (d *Driver) For(t testing.TB) *Driver {
	other := *d
	other.t = t
	return &other
}

var compiled = sync.OnceValues(compile)

// compile builds the driver and opens it.
func compile() (*os.File, error) {
	dir, err := os.MkdirTemp("", "parity-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	bin := filepath.Join(dir, "parity")
	if err := build("parity_test.c", bin); err != nil {
		return nil, err
	}
	return os.Open(bin)
}

// Compile builds another program of the C directory, for one test, and returns its path.
func Compile(t testing.TB, source string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "compiled")
	if err := build(source, bin); err != nil {
		t.Fatal(err)
	}
	return bin
}

func build(source, bin string) error {
	src, err := sources()
	if err != nil {
		return err
	}
	gcc := exec.Command("gcc", "-O2", "-g", "-std=gnu11", "-Wall", "-Wextra", "-Werror",
		"-Wno-unused-function", "-Wno-unused-result", "-o", bin, filepath.Join(src, source))
	if out, err := gcc.CombinedOutput(); err != nil {
		return fmt.Errorf("gcc: %w\n%s", err, out)
	}
	return nil
}

// started is where the tests of a package begin, which may go elsewhere.
var started, _ = os.Getwd() // without it there is no go.mod

// sources finds the directory of the C code from that of the package under test.
func sources() (string, error) {
	for dir := started; len(dir) > 1; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "restore/stub/src"), nil
		}
	}
	return "", fmt.Errorf("there is no go.mod above this package")
}

// Ask asks one question, and returns the fields of the answer.
func (d *Driver) Ask(what string, words ...string) []string {
	d.t.Helper()
	q := binary.LittleEndian.AppendUint32(nil, uint32(1+len(words)))
	for _, w := range append([]string{what}, words...) {
		q = append(binary.LittleEndian.AppendUint32(q, uint32(len(w))), w...)
	}
	var size [4]byte
	_, err := d.in.Write(q)
	if err == nil {
		_, err = io.ReadFull(d.out, size[:])
	}
	b := make([]byte, binary.LittleEndian.Uint32(size[:]))
	if err == nil {
		_, err = io.ReadFull(d.out, b)
	}
	if err != nil {
		d.t.Fatalf("the C side ended at %s %q: %v", what, words, err)
	}
	return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
}

// Says asks a question with one answer.
func (d *Driver) Says(what string, words ...string) string {
	d.t.Helper()
	return d.Ask(what, words...)[0]
}

// True asks a question of yes or no.
func (d *Driver) True(what string, words ...string) bool {
	d.t.Helper()
	return d.Says(what, words...) != "0"
}

// Proc is the path of a file of the C side's in /proc.
func (d *Driver) Proc(name string) string {
	return fmt.Sprintf("/proc/%d/%s", d.cmd.Process.Pid, name)
}
