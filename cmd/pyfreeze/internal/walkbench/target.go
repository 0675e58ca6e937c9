package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// target is the process with the heap.
type target struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

// census is what the interpreter counted.
type census struct {
	objects int
	bytes   uint64
	took    time.Duration
}

func startTarget(python, script string, objects int) (*target, error) {
	cmd := exec.Command(python, "-I", script, strconv.Itoa(objects))
	cmd.Stderr = os.Stderr
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
	t := &target{cmd, in, bufio.NewScanner(out)}
	if !t.out.Scan() || t.out.Text() != "READY" {
		t.end()
		return nil, fmt.Errorf("%s %s did not get ready: %q", python, script, t.out.Text())
	}
	return t, nil
}

func (t *target) pid() int { return t.cmd.Process.Pid }

// census has the interpreter count its objects by itself.
func (t *target) census() (c census, err error) {
	if _, err := fmt.Fprintln(t.in, "census"); err != nil {
		return c, err
	}
	if !t.out.Scan() {
		return c, fmt.Errorf("the target ended: %w", t.out.Err())
	}
	var seconds float64
	if _, err := fmt.Sscan(t.out.Text(), &c.objects, &c.bytes, &seconds); err != nil {
		return c, fmt.Errorf("%q: %w", t.out.Text(), err)
	}
	c.took = time.Duration(seconds * float64(time.Second))
	return c, nil
}

func (t *target) end() {
	t.in.Close()
	_ = t.cmd.Wait() // it ends when its input does
}
