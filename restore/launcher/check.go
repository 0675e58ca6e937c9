package launcher

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// maxCheck is how long one run of a check may take.
const maxCheck = time.Minute

// CheckError says that a launcher's program does something else from its image than plainly.
type CheckError struct{ Args, What string }

func (e *CheckError) Error() string {
	return fmt.Sprintf("with %q the program does something else from its image: %s; "+
		"the image was thrown away, and the launcher starts the plain program", e.Args, e.What)
}

// outcome is what a run has left behind.
type outcome struct {
	out, err []byte
	status   string
	files    map[string]string // contents by path
}

// Check runs the program plainly and by the launcher with the same arguments, each in an empty
// directory of its own, and compares what they leave behind. Where they differ, and two plain runs
// do not, it removes the images and returns a *CheckError.
func (l *File) Check(ctx context.Context, args string) error {
	words, err := SplitWords(args)
	if err != nil {
		return err
	}
	program, err := l.program()
	if err != nil {
		return err
	}
	plain, err := try(ctx, program, words)
	if err != nil {
		return err
	}
	again, err := try(ctx, program, words)
	if err != nil {
		return err
	}
	thawed, err := try(ctx, l.Path, words)
	if err != nil {
		return err
	}
	what := thawed.differs(&plain, &again)
	if what == "" {
		return nil
	}
	e := &CheckError{args, what}
	for _, dir := range l.dirs() {
		if private(dir) != nil {
			continue
		}
		for _, im := range images(dir) {
			err = errors.Join(err, os.Remove(im.path), keepFailure(dir, keyOf(im.path), e))
		}
	}
	return errors.Join(e, err)
}

// keyOf returns the key of an image, which all its variants have in common.
func keyOf(path string) string {
	key, _, _ := strings.Cut(filepath.Base(path), ".")
	key, _, _ = strings.Cut(key, "-")
	return key
}

// try runs a program in a new directory.
func try(ctx context.Context, path string, args []string) (o outcome, err error) {
	dir, err := os.MkdirTemp("", "pyfreeze-check-")
	if err != nil {
		return o, err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(ctx, maxCheck)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	err = cmd.Run()
	if cmd.ProcessState == nil || ctx.Err() != nil {
		return o, fmt.Errorf("checking %s: %w", path, errors.Join(err, ctx.Err()))
	}
	name := []byte(dir) // the two directories have different names
	o = outcome{out: bytes.ReplaceAll(stdout.Bytes(), name, nil), err: bytes.ReplaceAll(stderr.Bytes(), name, nil),
		status: cmd.ProcessState.String(), files: map[string]string{}}
	return o, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		text := e.Type().String()
		if e.Type().IsRegular() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += string(bytes.ReplaceAll(b, name, nil))
		}
		o.files[path[len(dir):]] = text
		return nil
	})
}

// differs says in what a run differs from a plain one, but for what differs in a second one, too.
func (o *outcome) differs(plain, again *outcome) string {
	switch {
	case o.status != plain.status && plain.status == again.status:
		return fmt.Sprintf("it ended with %s, plainly with %s", o.status, plain.status)
	case !bytes.Equal(o.out, plain.out) && bytes.Equal(plain.out, again.out):
		return "another standard output"
	case !bytes.Equal(o.err, plain.err) && bytes.Equal(plain.err, again.err):
		return fmt.Sprintf("another standard error: %.200q", o.err)
	}
	for path, text := range plain.files {
		if other, ok := again.files[path]; ok && other == text && o.files[path] != text {
			return "the file " + path + " is another"
		}
	}
	for path := range o.files {
		_, ok := plain.files[path]
		if _, ok2 := again.files[path]; !ok && !ok2 {
			return "it made the file " + path
		}
	}
	return ""
}
