package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pyfreeze/cmd/pyfreeze/internal/pythons"
)

// ways are environments in which newer interpreters are tried again, by their names.
var ways = map[string][]struct{ name, env string }{
	"Debian sid": {{"JIT", "PYTHON_JIT=1"}},
	"Debian sid's python3.15": {{"JIT", "PYTHON_JIT=1"},
		{"lazy imports", "PYTHON_LAZY_IMPORTS=all"}},
}

// lazyImports freezes a program before it has done its lazy imports: the thaw must do them, and not
// before it comes to them.
func (b *bench) lazyImports() (string, error) {
	if !b.atLeast(15) {
		return "-", nil
	}
	plain, err := b.out(b.in.Path, "lazy.py", "a")
	if err != nil {
		return "", err
	}
	const image = "lazy.img"
	if _, err := b.out(b.pyfreeze, "freeze", "-o", image, "--at", "__main__:main", "--",
		b.in.Path, "lazy.py", "x"); err != nil {
		return "", err
	}
	return b.thaws(1, []string{"run", image, "a"}, func(got string) bool { return got == plain })
}

// tools looks into a thawed process with what Python itself has for that: a profiler, which reads
// its memory, and code that it is asked to run.
func (b *bench) tools() (string, error) {
	if !b.atLeast(15) {
		return "-", nil
	}
	start := time.Now()
	cmd := b.command(b.pyfreeze, "run", "--resume", "busy")
	in, out, err := startPiped(cmd)
	if err != nil {
		return "", err
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	const line = "done whole asked"
	asked := "import __main__; __main__.say('" + line + "')\n"
	if err := os.WriteFile(filepath.Join(b.in.Root, b.dir, "asked.py"), []byte(asked), 0o644); err != nil {
		return "", err
	}
	pid := strconv.Itoa(cmd.Process.Pid)
	time.Sleep(time.Second) // until it goes on
	dump, err := b.out(b.in.Path, "-m", "profiling.sampling", "dump", pid)
	if err == nil && !strings.Contains(dump, "in compute") {
		err = fmt.Errorf("profiling.sampling says of a thawed process %q", dump)
	}
	if err == nil {
		_, err = b.out(b.in.Path, "-c", "import sys; sys.remote_exec("+pid+", '"+b.dir+"/asked.py')")
	}
	if err != nil {
		return "", err
	}
	if got, err := bufio.NewReader(out).ReadString('\n'); err != nil || got != line+"\n" {
		return "", fmt.Errorf("sys.remote_exec in a thawed process printed %q: %w", got, err)
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = in.Close()
	return fmt.Sprintf("%.1f ms", float64(time.Since(start).Microseconds())/1000), nil
}

// atLeast says whether the interpreter is Python 3 of that minor version, or a later one.
func (b *bench) atLeast(minor int) bool {
	var n int
	_, err := fmt.Sscanf(b.version, "3.%d", &n)
	return err == nil && n >= minor
}

// inWays gives an interpreter in the other environments that it is tried in.
func inWays(in pythons.Interpreter) (out []trial) {
	out = append(out, trial{in: in})
	for _, w := range ways[in.Name] {
		other := in
		other.Name += ", " + w.name
		out = append(out, trial{other, []string{w.env}})
	}
	return out
}

// trial is an interpreter, and variables that it is started with.
type trial struct {
	in  pythons.Interpreter
	env []string
}
