package launcher

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// SlowerError says that a program starts slower from its image than plainly, by medians.
type SlowerError struct {
	Args          string
	Thawed, Plain time.Duration
	Runs          int
}

func (e *SlowerError) Error() string {
	ms := func(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
	return fmt.Sprintf("a thaw is slower: %s with %q, plainly %s (medians of %d runs)",
		ms(e.Thawed), e.Args, ms(e.Plain), e.Runs)
}

// Streams are the standard streams of runs whose output nobody sees.
type Streams struct {
	Files [3]*os.File
	// Taken returns what was written to standard output and error since it was last called. Nothing
	// where a stream keeps nothing.
	Taken func() [2]string
}

// Measure runs the program plainly and from an image that was made just now, in turns, with the
// arguments by which the image was made, in an empty directory. The streams must be of the kinds
// that the standard ones were. An image that is slower by more than chance is removed, and why is
// kept for a while as why there is none: a *SlowerError. Precondition: such a run does nothing that
// others could tell but write to its streams (freeze.Meta.Harmless). So is one with which the
// program ends otherwise or writes something else, where two plain runs do not: a *CheckError.
func (l *File) Measure(ctx context.Context, path string, streams Streams) error {
	program, err := l.program()
	if err != nil || len(l.Warm) == 0 {
		return err
	}
	words, err := SplitWords(l.Warm[0])
	if err != nil {
		return err
	}
	plain, thawed, what, err := l.times(ctx, program, path, words, streams)
	if err == nil && what != "" {
		return reject(path, &CheckError{l.Warm[0], what})
	}
	if err != nil || len(plain) == 0 {
		return err
	}
	e := &SlowerError{Args: l.Warm[0], Thawed: median(thawed), Plain: median(plain), Runs: len(plain)}
	if e.Thawed <= e.Plain+chance(plain, thawed) {
		return nil
	}
	return reject(path, e)
}

// reject removes an image, and keeps what stands against it, which it returns.
func reject(path string, why error) error {
	if err := keepFailure(filepath.Dir(path), keyOf(path), why); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	return why
}

// times measures both, in turns; nothing where the image does not fit here. What a thaw did
// otherwise than the plain runs before and after it did is told.
func (l *File) times(ctx context.Context, program, path string, words []string,
	streams Streams) (plain, thawed []time.Duration, what string, err error) {
	const least, most, enough = 3, 7, 2 * time.Second
	dir, err := os.MkdirTemp(filepath.Dir(path), "build-") // see sweep
	if err != nil {
		return nil, nil, "", err
	}
	defer os.RemoveAll(dir)
	work, log := filepath.Join(dir, "work"), filepath.Join(dir, "log")
	if err := os.Mkdir(work, 0o700); err != nil {
		return nil, nil, "", err
	}
	run := func(argv ...string) (took time.Duration, o outcome) {
		cmd := exec.CommandContext(ctx, argv[0], append(argv[1:], words...)...)
		cmd.Dir, cmd.Env = work, append(os.Environ(), "PYFREEZE_LOG="+log)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = streams.Files[0], streams.Files[1], streams.Files[2]
		start := time.Now()
		_ = cmd.Run() // its status says what it was
		took = time.Since(start)
		wrote := streams.Taken()
		return took, outcome{out: []byte(wrote[0]), err: []byte(wrote[1]),
			status: cmd.ProcessState.String()}
	}
	var before, other outcome // the plain run and the thaw that came last
	for begin, n := time.Now(), 0; n <= most && (n <= least || time.Since(begin) < enough); n++ {
		p, now := run(program)
		if n > 0 && ctx.Err() == nil {
			if what = other.differs(&before, &now); what != "" {
				return nil, nil, what, nil
			}
		}
		_ = os.Remove(log) // a run that starts nothing writes no line
		var t time.Duration
		t, other = run(l.Pyfreeze, "run", path)
		before = now
		if ctx.Err() != nil || !lastThawed(log) {
			return nil, nil, "", ctx.Err()
		}
		if n > 0 { // the first ones read files from the disk
			plain, thawed = append(plain, p), append(thawed, t)
		}
	}
	return plain, thawed, "", nil
}

// lastThawed says whether the last run that a log tells of was thawed.
func lastThawed(log string) bool {
	b, err := os.ReadFile(log)
	if err != nil {
		return false
	}
	lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	var run struct{ Thawed bool }
	return json.Unmarshal(lines[len(lines)-1], &run) == nil && run.Thawed
}

func median(times []time.Duration) time.Duration {
	s := slices.Clone(times)
	slices.Sort(s)
	return s[len(s)/2]
}

// chance is a difference of medians that may come of other work on the machine.
func chance(plain, thawed []time.Duration) time.Duration {
	const least, times = 2 * time.Millisecond, 3
	spread := func(l []time.Duration) time.Duration {
		m, out := median(l), []time.Duration{}
		for _, d := range l {
			out = append(out, max(d-m, m-d))
		}
		return median(out)
	}
	return max(least, median(plain)/10, times*spread(plain), times*spread(thawed))
}
