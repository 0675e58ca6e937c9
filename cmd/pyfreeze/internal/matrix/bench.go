package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pyfreeze/cmd/pyfreeze/internal/pythons"
)

// columns: what a freeze took in each way, then what a thaw of each image takes, from many.
var columns = []string{"freeze exit", "freeze found", "freeze at", "attach blocked", "attach busy",
	"thaw", "exit", "found", "at", "blocked", "busy", "resume", "inspect", "hg", "lazy", "tools"}

// bench is the place where one interpreter is tried: a directory in its tree.
type bench struct {
	in       pythons.Interpreter
	env      []string
	dir      string // in the tree
	version  string
	pyfreeze string
}

func newBench(t trial, pyfreeze, scripts string) (*bench, error) {
	in := t.in
	dir, err := os.MkdirTemp(filepath.Join(in.Root, "/tmp"), "matrix-")
	if err != nil {
		return nil, err
	}
	b := &bench{in: in, env: t.env, dir: strings.TrimPrefix(dir, in.Root), pyfreeze: "pyfreeze"}
	files := map[string]string{"pyfreeze": pyfreeze}
	for _, name := range []string{"everything.py", "resume.py", "target.py", "warmed.py", "lazy.py"} {
		files[name] = filepath.Join(scripts, name)
	}
	for name, from := range files {
		text, err := os.ReadFile(from)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o755); err != nil {
			return nil, err
		}
	}
	v, err := b.out(in.Path, "-c", "import platform; print(platform.python_version(), end='')")
	if err != nil {
		return nil, err
	}
	b.version = v
	return b, nil
}

func (b *bench) close() { _ = os.RemoveAll(filepath.Join(b.in.Root, b.dir)) }

func (b *bench) command(name string, args ...string) *exec.Cmd {
	if name == b.pyfreeze {
		name = filepath.Join(b.dir, name)
	}
	cmd := &exec.Cmd{Path: name, Args: append([]string{name}, args...), Dir: b.dir}
	cmd.Env = append([]string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + b.dir, "LANG=C.UTF-8",
		"HGRCPATH=/dev/null", "PYFREEZE_LOG=" + filepath.Join(b.dir, "log")}, b.env...)
	if b.in.Root != "" {
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: b.in.Root}
	}
	return cmd
}

// out runs a command to its end.
func (b *bench) out(name string, args ...string) (string, error) {
	cmd := b.command(name, args...)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	late := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	err := cmd.Run()
	late.Stop()
	if err != nil {
		err = fmt.Errorf("%s %q: %w: %s", name, args, err, strings.TrimSpace(stderr.String()))
	}
	return out.String(), err
}

// cell does what a column says, and gives its time.
func (b *bench) cell(column string, thaws int) (string, error) {
	start := time.Now()
	ms := func(n int) string {
		return fmt.Sprintf("%.1f ms", float64(time.Since(start).Microseconds())/1000/float64(n))
	}
	switch column {
	case "freeze exit":
		_, err := b.out(b.pyfreeze, "freeze", "-o", "exit", "--at", "exit", "--", b.in.Path, "everything.py", "x")
		return ms(1), err
	case "freeze found":
		_, err := b.out(b.pyfreeze, "freeze", "-o", "found", "--", b.in.Path, "everything.py", "x")
		return ms(1), err
	case "freeze at":
		_, err := b.out(b.pyfreeze, "freeze", "-o", "at", "--at", "__main__:main", "--", b.in.Path, "resume.py", "x")
		return ms(1), err
	case "attach blocked", "attach busy":
		return b.attach(strings.TrimPrefix(column, "attach "))
	case "thaw":
		return b.exits(1, "one")
	case "exit":
		return b.exits(thaws, "quick")
	case "at":
		return b.goesOn(thaws)
	case "found":
		return b.rest(thaws)
	case "blocked", "busy":
		return b.thaws(thaws, []string{"run", column, "one", "two"}, func(got string) bool {
			return strings.HasPrefix(got, "born elsewhere: True\nheap: whole\n")
		})
	case "resume":
		return b.thaws(thaws, []string{"run", "--resume", "blocked"}, func(got string) bool { return got == "done whole\n" })
	case "inspect":
		for _, args := range [][]string{{"summary", "exit"}, {"threads", "blocked"}, {"types", "exit", "--limit", "3"}} {
			if _, err := b.out(b.pyfreeze, append([]string{"inspect"}, args...)...); err != nil {
				return "", err
			}
		}
		return ms(3), nil
	case "hg":
		return b.hg()
	case "lazy":
		return b.lazyImports()
	case "tools":
		return b.tools()
	}
	return "", errors.New("no such column")
}

// exits thaws the image that was frozen at its exit: it must print what the plain command does.
func (b *bench) exits(n int, word string) (string, error) {
	want, err := b.out(b.in.Path, "everything.py", word, "two")
	if err != nil {
		return "", err
	}
	return b.thaws(n, []string{"run", "exit", word, "two"}, func(got string) bool {
		first, rest, _ := strings.Cut(got, "\n")
		kept, rest, _ := strings.Cut(rest, "\n")
		return first+"\n"+rest == want && kept == "kept ('int', 'Kept', 'len', 'dumps', 'method', True, True, True, 4)"
	})
}

// rest thaws the image whose point was found: it prints all that the plain command does.
func (b *bench) rest(n int) (string, error) {
	want, err := b.out(b.in.Path, "everything.py", "quick", "two")
	if err != nil {
		return "", err
	}
	return b.thaws(n, []string{"run", "found", "quick", "two"}, func(got string) bool { return got == want })
}

// goesOn thaws the image that was frozen at a function.
func (b *bench) goesOn(n int) (string, error) {
	want, err := b.out(b.in.Path, "resume.py", "a", "b")
	var ended *exec.ExitError
	if !errors.As(err, &ended) || ended.ExitCode() != 4 {
		return "", fmt.Errorf("the plain resume.py: %w", err)
	}
	return b.thaws(n, []string{"run", "at", "a", "b"}, func(got string) bool { return got == want })
}

// thaws runs pyfreeze so many times; each run must be thawed, and print what is right.
func (b *bench) thaws(n int, args []string, right func(got string) bool) (string, error) {
	log := filepath.Join(b.in.Root, b.dir, "log")
	if err := os.RemoveAll(log); err != nil {
		return "", err
	}
	start := time.Now()
	for range n {
		got, err := b.out(b.pyfreeze, args...)
		var ended *exec.ExitError
		if err != nil && !(errors.As(err, &ended) && ended.ExitCode() == 4) { // of resume.py
			return "", err
		}
		if !right(got) {
			said, _ := os.ReadFile(log)
			return "", fmt.Errorf("the thaw %q said %q; its log: %s", args, got, said)
		}
	}
	took := time.Since(start)
	text, err := os.ReadFile(log)
	// Where process ids come round soon a run may have that of the frozen process.
	good := bytes.Count(text, []byte(`"thawed":true`)) +
		bytes.Count(text, []byte("number of the frozen one"))
	if err == nil && good != n {
		err = fmt.Errorf("of %d runs not all were thawed: %s", n, text)
	}
	return fmt.Sprintf("%d, %.1f ms each", n, float64(took.Microseconds())/1000/float64(n)), err
}

// startPiped starts a command, whose standard input and output are given.
func startPiped(cmd *exec.Cmd) (in io.WriteCloser, out io.Reader, err error) {
	if in, err = cmd.StdinPipe(); err != nil {
		return nil, nil, err
	}
	if out, err = cmd.StdoutPipe(); err != nil {
		return nil, nil, err
	}
	return in, out, cmd.Start()
}

// attach freezes target.py in a mode, and thaws it.
func (b *bench) attach(mode string) (string, error) {
	cmd := b.command(b.in.Path, "target.py", mode)
	in, out, err := startPiped(cmd)
	if err != nil {
		return "", err
	}
	lines := bufio.NewReader(out)
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	if line, err := lines.ReadString('\n'); err != nil || line != "ready\n" {
		return "", fmt.Errorf("target.py %s said %q: %w", mode, line, err)
	}
	time.Sleep(50 * time.Millisecond) // it says so just before it is
	start := time.Now()
	if _, err := b.out(b.pyfreeze, "attach", strconv.Itoa(cmd.Process.Pid), "-o", mode); err != nil {
		return "", err
	}
	took := fmt.Sprintf("%.1f ms", float64(time.Since(start).Microseconds())/1000)
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = in.Close()
	rest, err := io.ReadAll(lines)
	if err == nil && !strings.Contains(string(rest), "done whole") {
		err = fmt.Errorf("target.py %s ended with %q", mode, rest)
	}
	return took, err
}

// hg freezes the hg of the tree, if it runs with this interpreter.
func (b *bench) hg() (string, error) {
	own := "/usr/bin/python3" // of a tree
	if b.in.Root == "" {
		own = "/usr/bin/python3.11"
	}
	if b.in.Path != own {
		return "-", nil
	}
	if _, err := b.out(b.pyfreeze, "freeze", "-o", "hg.img", "--", "hg", "version", "-q"); err != nil {
		return "", err
	}
	plain, err := b.out("/usr/bin/hg", "version", "-q")
	if err != nil {
		return "", err
	}
	start := time.Now()
	got, err := b.out(b.pyfreeze, "run", "hg.img", "version", "-q")
	took := fmt.Sprintf("%.1f ms", float64(time.Since(start).Microseconds())/1000)
	if err == nil && got != plain {
		err = fmt.Errorf("hg said %q, plain %q", got, plain)
	}
	return took, err
}
