package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"pyfreeze/pyheap"
	"pyfreeze/restore/snapshot"
	"pyfreeze/symbols"
)

// collectOne writes the minor version of an interpreter, then its layouts.
func collectOne(python, origin, scripts string) error {
	cmd := exec.Command(python, filepath.Join(scripts, "layouts.py"))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { _ = cmd.Wait() }() // its standard input is closed by then
	defer func() { _ = in.Close() }()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		return fmt.Errorf("%s said %q: %w", python, line, err)
	}
	s, err := snapshot.Inspect(context.Background(), cmd.Process.Pid, 20*time.Second, nil)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // only read
	if s.Layout.Shipped() {
		return fmt.Errorf("%s has no debug information", s.Interp.Module.Path)
	}
	h, err := pyheap.Open(s.Space, s.Interp, s.Layout)
	if err != nil {
		return err
	}
	defer func() { _ = h.Close() }() // only read
	if _, err := h.Walk(pyheap.WalkOptions{}); err != nil {
		return err
	}
	src := symbols.LayoutSource{Version: s.Interp.Version, Origin: origin, Interp: s.Layout}
	rt, ok := s.Interp.Module.File.Dynsym("_PyRuntime")
	if !ok {
		return fmt.Errorf("%s does not export _PyRuntime", s.Interp.Module.Path)
	}
	src.Runtime = rt.Size
	if src.Objects, src.Modules, err = h.ObjectStructs(); err != nil {
		return err
	}
	fmt.Printf("%d.%d\n", src.Version.Major, src.Version.Minor)
	return symbols.WriteLayout(os.Stdout, src)
}
