package launcher

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pyfreeze/restore"
	"pyfreeze/restore/freeze"
	"pyfreeze/restore/guard"
)

const (
	// maxWait is how long a builder waits for the command that it was started by: an hg serve may never end.
	maxWait = 20 * time.Second
	// maxBuild is how long the warm-up may take.
	maxBuild = 2 * time.Minute
	// retryAfter is when an image that could not be made is tried again.
	retryAfter = time.Hour
)

// WaitFor waits until a process has ended, not for ever.
func WaitFor(pid int) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return // it has, or the kernel cannot tell
	}
	defer unix.Close(fd)
	until := time.Now().Add(maxWait)
	for left := maxWait; left > 0; left = time.Until(until) {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(left.Milliseconds())+1)
		if n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// Build makes the image for this environment, unless one that fits is there, another builder is at work, or it failed not long ago; force
// makes it in any case. It gives the image's path, "" when nothing was to be done. What stood against it is kept for [List].
func Build(ctx context.Context, l *File, o restore.Options, force bool) (_ *freeze.Meta, path string, err error) {
	b, err := begin(l, force)
	if err != nil || b == nil {
		return nil, "", err
	}
	defer b.unlock()
	return b.build(ctx, o, l.sum(b.program, os.Environ()), nil, force)
}

// builder makes the images of one launcher.
type builder struct {
	l            *File
	program, dir string
	unlock       func()
}

// begin takes the lock of the directory of images; nil where another builder has it, for which wait
// waits.
func begin(l *File, wait bool) (*builder, error) {
	program, err := l.program()
	if err != nil {
		return nil, err
	}
	dir, err := l.writable()
	if err != nil {
		return nil, err
	}
	unlock, err := lock(filepath.Join(dir, "lock"), wait)
	if err != nil || unlock == nil {
		return nil, err
	}
	return &builder{l, program, dir, unlock}, nil
}

// build makes an image with a key: for any run, or for one like here.
func (b *builder) build(ctx context.Context, o restore.Options, sum uint64, here *restore.Here, force bool) (_ *freeze.Meta, path string, err error) {
	key := keyName(sum)
	path, fits := variant(b.dir, key)
	if path == "" {
		path = filepath.Join(b.dir, key+suffix)
	}
	if !force && (fits || b.l.failure(key, b.program) != "") {
		return nil, "", nil
	}
	sweep(b.dir, path)
	ctx, cancel := context.WithTimeout(ctx, maxBuild)
	defer cancel()
	m, err := b.l.freeze(ctx, o, b.program, path, here)
	if restore.Transient(err) {
		return nil, path, err // the next run tries again
	}
	if err != nil {
		_ = keepFailure(b.dir, key, err) // only to save time
		return nil, path, err
	}
	_ = os.Remove(failedFile(b.dir, key)) // there is none, as a rule
	sweep(b.dir, path)
	return m, path, nil
}

// freeze warms the program up in a directory of its own.
func (l *File) freeze(
	ctx context.Context, o restore.Options, program, path string, here *restore.Here,
) (m *freeze.Meta, err error) {
	work, err := os.MkdirTemp(filepath.Dir(path), "build-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	back, err := os.Getwd()
	if err == nil {
		defer os.Chdir(back)
	}
	if at := l.At; at != restore.Found {
		if err := os.Chdir(work); err != nil {
			return nil, err
		}
	}
	if here != nil {
		here.Env, here.Why = map[string]*string{}, filepath.Join(work, "why-not")
		defer func() {
			if why, rerr := os.ReadFile(here.Why); rerr == nil {
				err = &notPreparedError{string(why)}
			}
		}()
	}
	for _, e := range l.WarmEnv {
		name, value, _ := strings.Cut(e, "=")
		if here != nil {
			here.Env[name] = guard.Lookup(os.Environ(), name)
		}
		if old, ok := os.LookupEnv(name); ok {
			defer os.Setenv(name, old)
		} else {
			defer os.Unsetenv(name)
		}
		if value == "" {
			_ = os.Unsetenv(name) // a name of ours
		} else if err := os.Setenv(name, value); err != nil {
			return nil, fmt.Errorf("the launcher's warm-env %s: %w", e, err)
		}
	}
	warm := make([][]string, len(l.Warm))
	for i, w := range l.Warm {
		if warm[i], err = SplitWords(w); err != nil {
			return nil, fmt.Errorf("the launcher's warm-up %q: %w", w, err)
		}
	}
	o.Output, o.Recipe, o.Strict = path, l.Recipe, l.Strict
	// One that is frozen at a function may be a server: it has served its purpose then.
	at := l.At
	if at == "" {
		at = "exit"
	}
	c := restore.CommandOptions{Options: o, Command: []string{program}, At: at, Work: work, Here: here}
	c.Stop = at != "exit"
	if len(warm) > 0 {
		c.Command = append(c.Command, warm[0]...)
		c.Warm = warm[1:]
	}
	m, _, err = restore.FreezeCommand(ctx, c)
	return m, err
}

// lock takes the lock of a directory of images. unlock is nil when another builder has it, for which wait waits.
func lock(path string, wait bool) (unlock func(), err error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	how := unix.LOCK_EX
	if !wait {
		how |= unix.LOCK_NB
	}
	for {
		err = unix.Flock(fd, how)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		_ = unix.Close(fd)
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = nil
		}
		return nil, err
	}
	return func() { _ = unix.Close(fd) }, nil
}

// failedFile is where it is kept why there is no image with a key.
func failedFile(dir, key string) string { return filepath.Join(dir, key+".failed") }

// keepFailure keeps why there is no image with a key, in one line.
func keepFailure(dir, key string, why error) error {
	text := strings.ReplaceAll(why.Error(), "\n", " ") + "\n"
	return os.WriteFile(failedFile(dir, key), []byte(text), 0o600)
}

// failure says why there is no image with a key, if it is too early to try again: within an hour,
// unless the file of the program has changed.
func (l *File) failure(key, program string) string {
	for _, dir := range l.dirs() {
		path := failedFile(dir, key)
		st, err := os.Stat(path)
		if err != nil || private(dir) != nil {
			continue
		}
		// A clock that was set back must not forbid it for long.
		if age := time.Since(st.ModTime()); age < 0 || age > retryAfter {
			continue
		}
		if id, err := guard.Stat(program); err == nil && id.CtimeNs/1e9 > uint64(st.ModTime().Unix()) {
			continue
		}
		b, _ := os.ReadFile(path) // as good as none
		return strings.TrimSpace(string(b))
	}
	return ""
}
