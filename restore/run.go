package restore

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"pyfreeze/image"
)

// RunOptions tell Run what to start.
type RunOptions struct {
	Image   string
	Args    []string
	Entry   string // another script
	Module  string // -m
	Code    string // -c
	HasCode bool
	Verbose bool
	Timings bool
	Log     string // file for a line about this run; "" for the one that PYFREEZE_LOG names, if any
	Shuffle bool   // for tests: libraries that may move get independent random bases
	StartNs uint64 // CLOCK_MONOTONIC when pyfreeze started, for Timings
}

// loadPlan is where the tracer child finds things in the image.
type loadPlan struct {
	mapOff, mapLen, stubOff, progOff, runOff uint64
	syscallDelta, ldEntry                    uint64
	stub                                     stubHead
}

// Run becomes the image's command, thawed if the image fits, else plain. It
// returns only if not even the plain command can be started.
func Run(o RunOptions) error {
	im, err := image.Open(o.Image)
	var cut *image.TruncatedError
	if err != nil && !errors.As(err, &cut) {
		return err
	}
	g, gerr := parseGuards(im.Guards())
	if gerr != nil {
		return gerr
	}
	cmd := g.command(o)
	if err == nil {
		err = trusted(im)
	}
	if err == nil {
		err = g.check(os.Environ())
	}
	var lp loadPlan
	if err == nil {
		lp, err = planLoad(im, g)
	}
	log := openLog(o.Log)
	if err == nil {
		run := runBlock{startNs: o.StartNs, logFd: -1}
		if o.Verbose {
			run.flags |= runVerbose
		}
		if o.Timings {
			run.flags |= runTimings
		}
		if o.Shuffle {
			run.flags |= runShuffle
		}
		if log != nil {
			run.logFd = int32(log.Fd())
			copy(run.logOK[:1023], logLine(o.Image, true, ""))
			copy(run.logFail[:1023], logStart(o.Image))
		}
		err = cmd.execThawed(im, lp, run)
	}
	if o.Verbose {
		fmt.Fprintf(os.Stderr, "pyfreeze: plain start: %v\n", err)
	}
	writeLog(log, o.Image, err.Error())
	return cmd.exec()
}

// command builds what execve gets for this run.
func (g *guards) command(o RunOptions) command {
	c := command{path: g.Exe, comm: g.Comm, env: os.Environ()}
	c.argv = append(c.argv, g.Argv0...)
	switch {
	case o.Entry != "":
		c.argv, c.comm = append(c.argv, o.Entry), ""
	case o.Module != "":
		c.argv, c.comm = append(c.argv, "-m", o.Module), ""
	case o.HasCode:
		c.argv, c.comm = append(c.argv, "-c", o.Code), ""
	default:
		c.argv = append(c.argv, g.Script...)
	}
	c.argv = append(c.argv, o.Args...)
	return c
}

// trusted refuses an image that someone else could have written: a thaw runs
// what is in it.
func trusted(im *image.Image) error {
	uid := uint32(os.Getuid())
	switch {
	case im.UID() != uid && im.UID() != 0:
		return &UnfitError{fmt.Sprintf("it belongs to user %d", im.UID())}
	case im.Mode()&0o022 != 0:
		return &UnfitError{fmt.Sprintf("others may write to it (mode %04o)", im.Mode())}
	}
	return nil
}

// planLoad checks the program note and finds its parts.
func planLoad(im *image.Image, g *guards) (loadPlan, error) {
	note := im.Program()
	head, err := readStubHead(note[:min(len(note), maxStub)])
	if err != nil {
		return loadPlan{}, &UnfitError{err.Error()}
	}
	off := im.ProgramOff()
	run := align16(int(head.end))
	prog := run + runBlockSize
	if prog+progHeader > len(note) || le.Uint64(note[prog:]) != abiMagic || le.Uint32(note[prog+8:]) != abiVersion {
		return loadPlan{}, &UnfitError{"its thaw program is of another version of pyfreeze"}
	}
	start := pageDown(off)
	return loadPlan{
		mapOff: start, mapLen: pageUp(off + uint64(len(note)) - start), stub: head,
		stubOff: off - start, runOff: off - start + uint64(run), progOff: off - start + uint64(prog),
		syscallDelta: uint64(g.SyscallDelta), ldEntry: g.LdEntry,
	}, nil
}

// maxStub bounds what is taken for the stub at the start of the program note.
const maxStub = 1 << 20

// openLog opens the file at path, or that which PYFREEZE_LOG names: one JSON object a line for
// every run, for tests and for the curious.
func openLog(path string) *os.File {
	if path == "" {
		path = os.Getenv("PYFREEZE_LOG")
	}
	if path == "" {
		return nil
	}
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT|unix.O_NOCTTY, 0o600)
	if err != nil {
		return nil
	}
	if fd < 3 { // a standard descriptor was closed: keep clear of it
		n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD, 10)
		_ = unix.Close(fd)
		if err != nil {
			return nil
		}
		fd = n
	}
	return os.NewFile(uintptr(fd), path)
}

// writeLog tells of a plain start, and closes the log.
func writeLog(log *os.File, image, reason string) {
	if log != nil {
		_, _ = log.WriteString(logLine(image, false, reason)) // nobody to tell
		_ = log.Close()
	}
}

type logEntry struct {
	Image  string `json:"image"`
	PID    int    `json:"pid"`
	Thawed bool   `json:"thawed"`
	Reason string `json:"reason"`
}

func logLine(image string, thawed bool, reason string) string {
	b, err := json.Marshal(logEntry{image, os.Getpid(), thawed, reason})
	if err != nil {
		return ""
	}
	return string(b) + "\n"
}

// logStart is a line of a failed thaw up to the reason, which the stub adds.
func logStart(image string) string {
	s := logLine(image, false, "")
	return s[:len(s)-len("\"}\n")]
}
