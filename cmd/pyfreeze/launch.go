package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"pyfreeze/restore"
	"pyfreeze/restore/freeze"
	"pyfreeze/restore/launcher"
)

// newLaunch is what the kernel runs for a launcher, which does its work before this program's Go part starts: what is left are mistakes.
func newLaunch() *cobra.Command {
	return &cobra.Command{
		Use:                "launch FILE [ARGS...]",
		Short:              "Run the program of a launcher",
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && slices.Contains([]string{"--stale", "--other", "--make"}, args[0]) {
				args = args[1:]
			}
			if len(args) == 0 || strings.HasPrefix(args[0], "-") {
				return &usageError{fmt.Errorf("launch takes a launcher, a file that pyfreeze install makes")}
			}
			return launcher.Refused(args[0])
		},
	}
}

// newBuild makes the image of a launcher, behind the user's back.
func newBuild() *cobra.Command {
	var after int
	var streams, sum, measure string
	var window uint64
	var set launcher.Set
	c := &cobra.Command{
		Use:    "build FILE [ARGS...]",
		Short:  "Make the image of a launcher for this environment",
		Hidden: true,
		Args:   cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := launcher.Read(args[0])
			if err != nil {
				return err
			}
			set.Args = args[1:]
			if sum != "" {
				if set.Sum, err = strconv.ParseUint(sum, 16, 64); err != nil {
					return &usageError{err}
				}
			}
			if after != 0 {
				// With the command's own priority, which the program may ask for.
				launcher.WaitFor(after)
			}
			_ = useStreams(streams, window) // without, the image is for runs without such streams
			if measure != "" {
				return l.Measure(cmd.Context(), measure, standard())
			}
			o := restore.Options{Timeout: 5 * time.Second}
			collectRarely()
			var m *freeze.Meta
			var path string
			if sum == "" {
				m, path, err = launcher.Build(cmd.Context(), l, o, false)
			} else {
				m, path, err = launcher.BuildSet(cmd.Context(), l, o, set, after == 0)
			}
			if err == nil && m != nil && m.Harmless {
				return l.Measure(cmd.Context(), path, standard())
			}
			return err
		},
	}
	c.Flags().SetInterspersed(false)
	c.Flags().StringVar(&sum, "set", "", "a `GUESS` at what the run with these ARGS has switched on")
	c.Flags().BoolVar(&set.Other, "other", false, "its image is of another set")
	c.Flags().StringVar(&measure, "measure", "", "only measure whether this `IMAGE` is faster than the plain program")
	c.Flags().StringVar(&streams, "streams", "", "what the command's standard streams were: t, p, f, s or - for each")
	c.Flags().Uint64Var(&window, "window", 0, "the size of its terminal, as one number")
	c.Flags().IntVar(&after, "after", 0, "wait for the end of process `PID`")
	return c
}

// buildNow makes an image while the user waits.
func buildNow(ctx context.Context, l *launcher.File, o restore.Options, verbose bool) (m *freeze.Meta, path string, took time.Duration, err error) {
	collectRarely()
	p := newProgress(verbose)
	defer p.end()
	o.Timeout, o.Tell = 5*time.Second, p.step
	for fd := 1; fd <= 2; fd++ {
		back, err := sheltered(fd)
		if err != nil {
			return nil, "", 0, err
		}
		defer back()
	}
	start := time.Now()
	err = interruptible(ctx, func(ctx context.Context) error {
		m, path, err = launcher.Build(ctx, l, o, true)
		return err
	})
	return m, path, time.Since(start), err
}

// measured says whether an image that was made just now is faster than the plain program, and
// does the same. A process
// of its own runs both: what they write is not for the user.
func measured(ctx context.Context, l *launcher.File, path string) error {
	streams, window := ownStreams()
	cmd := exec.CommandContext(ctx, l.Pyfreeze, "build", "--measure", path, "--streams", streams,
		"--window", strconv.FormatUint(window, 10), l.Path)
	_ = cmd.Run() // what it has found out is told by what is there
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	for _, im := range l.Images(func(string) error { return nil }) {
		if strings.HasPrefix(path, strings.TrimSuffix(im.Path, ".pyfreeze")) && im.Failed != "" {
			return errors.New(im.Failed)
		}
	}
	return nil
}

// sheltered puts a pipe of ours in the place of a standard stream that is one, until back is
// called: the reader of the user's may go before the warm-up has written all.
func sheltered(fd int) (back func(), err error) {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		return func() {}, nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err == nil {
		err = unix.Dup2(int(w.Fd()), fd)
	}
	_ = w.Close() // the stream has it
	if err != nil {
		_ = r.Close()
		return nil, &os.PathError{Op: "dup", Path: fmt.Sprintf("stream %d", fd), Err: err}
	}
	users := os.NewFile(uintptr(own), "standard stream")
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 4096)
		for {
			n, err := r.Read(b)
			if n > 0 {
				_, _ = users.Write(b[:n]) // its reader may have gone
			}
			if err != nil {
				return
			}
		}
	}()
	return func() {
		_ = unix.Dup2(own, fd) // both are open
		select {
		case <-done:
		case <-time.After(time.Second): // something that was started has the stream still
		}
		_ = users.Close()
		_ = r.Close()
	}, nil
}
