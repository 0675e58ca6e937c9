// Package target starts Python processes for tests.
package target

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pyfreeze/tracer/inherit"
)

// Main is what a TestMain calls that does nothing else: the tests run, and start what they start
// with what is usual.
func Main(m *testing.M) {
	if err := inherit.Usual(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// Interpreters returns those of this machine that pyfreeze knows: a system one, and those of pyenv.
func Interpreters(t *testing.T) []string {
	t.Helper()
	all := []string{"/usr/bin/python3.11"}
	if home, err := os.UserHomeDir(); err == nil {
		more, _ := filepath.Glob(home + "/.pyenv/versions/3.*/bin/python3") // the pattern is fine
		all = append(all, more...)
	}
	return slices.DeleteFunc(all, func(p string) bool {
		_, err := os.Stat(p)
		return err != nil || strings.Contains(p, "/3.6.") || strings.Contains(p, "/3.7.")
	})
}

// Start starts a program, which says ready, and ends it with the test. It returns the process id.
func Start(t *testing.T, exe, program string, args ...string) int {
	t.Helper()
	cmd := exec.Command(exe, append([]string{"-uc", program}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	return Run(t, cmd)
}

// Run starts a command, which says ready on its standard output, and ends it with the test. It
// returns the process id.
func Run(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	p := &Process{t: t, cmd: cmd}
	p.begin()
	return p.PID()
}
