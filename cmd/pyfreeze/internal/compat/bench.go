package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// maxRun is how long one run of a program may take.
const maxRun = 2 * time.Minute

// bench is the place where one program is tried.
type bench struct {
	p        *program
	pyfreeze string
	server   *server
	base     string // holds the rest
	template string // what each run gets a copy of: home and work
	place    string // that copy, always at the same path: programs print it
	work     string // the working directory, in it
	image    string
	log      string
}

func newBench(ctx context.Context, p *program, pyfreeze, base string, s *server) (*bench, error) {
	b := &bench{p: p, pyfreeze: pyfreeze, server: s, base: base, template: filepath.Join(base, "template"), place: filepath.Join(base, "place"),
		image: filepath.Join(base, "image"), log: filepath.Join(base, "log")}
	b.work = filepath.Join(b.place, "work")
	for _, dir := range []string{b.work, filepath.Join(b.place, "home")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	for name, text := range p.files {
		path := filepath.Join(b.work, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, []byte(b.fill(text)), 0o644); err != nil {
			return nil, err
		}
	}
	// Prepared at the path where it will be used, then moved away.
	for _, line := range p.prepare {
		words, stdin := split(b.fill(line))
		if o, err := b.run(ctx, words, stdin); err != nil || o.status != "exit status 0" {
			return nil, fmt.Errorf("preparing %s: %q: %v %s, %s", p.name, line, err, o.status, o.stderr)
		}
	}
	return b, os.Rename(b.place, b.template)
}

// fill puts the address of the server into a text.
func (b *bench) fill(text string) string { return strings.ReplaceAll(text, "{SERVER}", b.server.addr) }

// fresh makes the directory of a run anew; times of files stay, since programs and images keep them.
func (b *bench) fresh(ctx context.Context) error {
	if err := os.RemoveAll(b.place); err != nil {
		return err
	}
	b.server.reset()
	if out, err := exec.CommandContext(ctx, "cp", "-a", b.template, b.place).CombinedOutput(); err != nil {
		return fmt.Errorf("cp: %w: %s", err, out)
	}
	return nil
}

// elsewhere moves the working directory of the next run: for the one that is frozen.
func (b *bench) elsewhere() error {
	other := filepath.Join(b.base, "other")
	if err := os.Rename(b.work, other); err != nil {
		return err
	}
	b.work = other
	return nil
}

// outcome is all that a run leaves behind.
type outcome struct {
	stdout, stderr, status string
	files, requests        string // what it wrote, what it asked the server for
	took                   time.Duration
}

func (b *bench) run(ctx context.Context, argv []string, stdin string) (o outcome, err error) {
	ctx, cancel := context.WithTimeout(ctx, maxRun)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = b.work
	cmd.Env = append([]string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + filepath.Join(b.place, "home"), "LANG=C.UTF-8", "TZ=UTC", "TERM=xterm",
		"PYTHONHASHSEED=0", // no two plain runs need agree on the order of sets otherwise

		"PYFREEZE_LOG=" + b.log}, b.p.env...)
	for i := range cmd.Env {
		cmd.Env[i] = b.fill(cmd.Env[i])
	}
	if stdin != "" {
		f, err := os.Open(filepath.Join(b.work, stdin))
		if err != nil {
			return o, err
		}
		defer f.Close()
		cmd.Stdin = f
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second
	start := time.Now()
	err = cmd.Run()
	o.took = time.Since(start)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return o, err
	}
	o.stdout, o.stderr, o.status = stdout.String(), stderr.String(), "exit status 0"
	if err != nil {
		o.status = err.Error()
	}
	return o, nil
}

// compared runs a case in a fresh directory and gives what is compared.
func (b *bench) compared(ctx context.Context, argv []string, line string) (o outcome, err error) {
	words, stdin := split(b.fill(line))
	if err := b.fresh(ctx); err != nil {
		return o, err
	}
	if o, err = b.run(ctx, append(argv, words...), stdin); err != nil {
		return o, err
	}
	if o.files, err = listing(b.place, b.p.caches); err != nil {
		return o, err
	}
	o.requests = b.server.seen()
	for _, text := range []*string{&o.stdout, &o.stderr, &o.files, &o.requests} {
		for _, v := range b.p.varies {
			*text = v.ReplaceAllString(*text, "(varies)")
		}
	}
	return o, nil
}
