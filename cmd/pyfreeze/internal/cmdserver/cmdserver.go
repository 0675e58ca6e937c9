// Package cmdserver starts `hg serve --cmdserver pipe` and speaks its protocol. The tests, the demo
// and the benchmark use it to have a warm, living hg to freeze.
package cmdserver

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Options say how to start the server.
type Options struct {
	// HG is the hg script to start; "/usr/bin/hg" when empty.
	HG string
	// Dir is the working directory, Env the whole environment (nil: inherited).
	Dir string
	Env []string
	// Args come between "hg" and "serve", e.g. --config options.
	Args []string
}

// Server is a running command server. It serves one command at a time and is not safe for
// concurrent use. Close it.
type Server struct {
	// Hello holds the fields of the server's greeting: capabilities, encoding, pid.
	Hello map[string]string

	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr bytes.Buffer
}

// Start starts a server and reads its greeting.
func Start(opt Options) (*Server, error) {
	hg := opt.HG
	if hg == "" {
		hg = "/usr/bin/hg"
	}
	s := &Server{cmd: exec.Command(hg, append(opt.Args, "serve", "--cmdserver", "pipe")...)}
	s.cmd.Dir, s.cmd.Env, s.cmd.Stderr = opt.Dir, opt.Env, &s.stderr
	var err error
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.out = bufio.NewReader(stdout)
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", hg, err)
	}
	if err := s.greet(); err != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		return nil, fmt.Errorf("%w; standard error: %s", err, s.stderr.String())
	}
	return s, nil
}

func (s *Server) greet() error {
	channel, payload, _, err := readFrame(s.out)
	if err != nil {
		return err
	}
	if channel != 'o' {
		return fmt.Errorf("command server: greeting on channel %q", channel)
	}
	if s.Hello, err = parseHello(payload); err != nil {
		return err
	}
	if pid, err := strconv.Atoi(s.Hello["pid"]); err != nil || pid != s.PID() {
		return fmt.Errorf("command server: says pid %q, is %d", s.Hello["pid"], s.PID())
	}
	return nil
}

// PID is the server's process id.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Run has the server run one hg command without input.
func (s *Server) Run(args ...string) (Result, error) {
	return s.RunInput(strings.NewReader(""), args...)
}

// RunInput has the server run one hg command; what it asks for on its input channels comes from in.
func (s *Server) RunInput(in io.Reader, args ...string) (Result, error) {
	if len(args) == 0 {
		return Result{}, errors.New("command server: no command")
	}
	if _, err := io.WriteString(s.in, "runcommand\n"); err != nil {
		return Result{}, err
	}
	if err := writeBlock(s.in, []byte(strings.Join(args, "\x00"))); err != nil {
		return Result{}, err
	}
	input := bufio.NewReader(in)
	var res Result
	for {
		channel, payload, want, err := readFrame(s.out)
		if err != nil {
			return res, err
		}
		switch channel {
		case 'o':
			res.Stdout = append(res.Stdout, payload...)
		case 'e':
			res.Stderr = append(res.Stderr, payload...)
		case 'r':
			if len(payload) != 4 {
				return res, fmt.Errorf("command server: result of %d bytes", len(payload))
			}
			res.Code = int(int32(binary.BigEndian.Uint32(payload)))
			return res, nil
		case 'I', 'L':
			if err := writeBlock(s.in, nextInput(input, channel, want)); err != nil {
				return res, err
			}
		default:
			// Lower-case channels are optional by the protocol; upper-case ones need an answer.
			if channel >= 'A' && channel <= 'Z' {
				return res, fmt.Errorf("command server: unknown required channel %q", channel)
			}
		}
	}
}

// nextInput gives what the server may have now: up to want bytes, or a line of at most that. Nothing
// left reads as an empty block, which is end of file to hg.
func nextInput(in *bufio.Reader, channel byte, want uint32) []byte {
	want = min(want, 1<<16)
	if channel == 'L' {
		line, _ := in.ReadBytes('\n')
		return line
	}
	buf := make([]byte, want)
	n, _ := io.ReadFull(in, buf)
	return buf[:n]
}

// WarmCommands are the commands that Warm runs: together they import what everyday hg commands need.
func WarmCommands() [][]string {
	return [][]string{
		{"version", "-q"}, {"root"}, {"status", "-A"}, {"log", "-l", "3", "-T", "{rev} {desc|firstline}\n"},
		{"diff", "-c", "0"}, {"id"}, {"summary"}, {"branches"}, {"tags"}, {"cat", "-r", "0", "f0.txt"},
	}
}

// Warm runs WarmCommands rounds times in the server's directory. It fails only when the server does:
// a command may end with an error, as in a directory that is no repository.
func (s *Server) Warm(rounds int) error {
	for range rounds {
		for _, args := range WarmCommands() {
			if _, err := s.Run(args...); err != nil {
				return fmt.Errorf("warm up with hg %s: %w", strings.Join(args, " "), err)
			}
		}
	}
	return nil
}

// Close ends the server by end of file on its input and waits; one that does not end within ten
// seconds is killed and reported.
func (s *Server) Close() error {
	_ = s.in.Close()
	late := time.AfterFunc(10*time.Second, func() { _ = s.cmd.Process.Kill() })
	defer late.Stop()
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("hg serve: %w; standard error: %s", err, s.stderr.String())
	}
	return nil
}
