package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
)

// demonstrate does what a user would do, showing each command and what it printed.
func (w *workspace) demonstrate() (err error) {
	s, err := w.startServer()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	pid := fmt.Sprint(s.PID())
	say("An unmodified hg, warmed up by a few commands over its command server protocol:")
	fmt.Printf("$ hg serve --cmdserver pipe &        # pid %s\n", pid)

	say("Freeze it. It is stopped for a moment and then goes on:")
	if _, err := w.show(w.repo, "pyfreeze", w.pyfreeze, "attach", pid, "-o", w.image); err != nil {
		return err
	}
	say("The frozen process still serves:")
	res, err := s.Run("log", "-r", "tip", "-T", "{rev} {desc}\n")
	if err != nil {
		return fmt.Errorf("the target after attach: %w", err)
	}
	fmt.Printf("runcommand log -r tip -> %s", res.Stdout)

	say("What the image holds:")
	if _, err := w.show(w.repo, "pyfreeze", w.pyfreeze, "info", w.image); err != nil {
		return err
	}
	return w.compare()
}

// compare thaws the image for a few commands; plain hg must print the same.
func (w *workspace) compare() error {
	say("Thaw it, each time into a fresh process; plain hg must print the same:")
	for _, args := range [][]string{{"status"}, {"log", "-l", "2"}, {"diff", "-c", "tip", "f1.txt"}} {
		thawed, err := w.show(w.repo, "pyfreeze", append([]string{w.pyfreeze, "run", w.image}, args...)...)
		if err != nil {
			return err
		}
		plain, err := w.command(w.repo, append([]string{hgPath}, args...)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("hg %v: %w: %s", args, err, plain)
		}
		if !bytes.Equal(plain, thawed) {
			return fmt.Errorf("hg %v prints something else than the thawed one:\n%s", args, plain)
		}
		fmt.Println("  (same as plain hg)")
	}
	say("Where the time goes:")
	_, err := w.show(w.repo, "pyfreeze", w.pyfreeze, "run", "--timings", w.image, "status")
	return err
}

func say(text string) { fmt.Printf("\n# %s\n", text) }

// show prints the command as a user would type it, runs it and prints its output.
func (w *workspace) show(dir, name string, argv ...string) ([]byte, error) {
	typed := []string{name}
	for _, arg := range argv[1:] {
		typed = append(typed, strings.TrimPrefix(arg, w.dir+"/"))
	}
	fmt.Println("$", strings.Join(typed, " "))
	out, err := w.command(dir, argv...).CombinedOutput()
	_, _ = os.Stdout.Write(out)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(typed, " "), err)
	}
	return out, nil
}
