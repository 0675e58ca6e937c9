// Command hgbench freezes a warm, living `hg serve`, thaws it, and prints how long plain hg, a warm
// chg, the thawed hg and an empty Python take, measured in turns within one run.
//
//	hgbench -pyfreeze bin/pyfreeze -rounds 40          the benchmark; exit status 1 when a goal is missed
//	hgbench -pyfreeze bin/pyfreeze -rounds 7 -demo     every command shown as it is run, then the table
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

func main() {
	pyfreeze := flag.String("pyfreeze", "bin/pyfreeze", "the pyfreeze `binary` to measure")
	rounds := flag.Int("rounds", 40, "how many times each command is measured")
	demo := flag.Bool("demo", false, "show the commands while running them; missed goals are no failure")
	flag.Parse()
	met, err := run(*pyfreeze, *rounds, *demo)
	if err != nil {
		fmt.Fprintln(os.Stderr, "hgbench:", err)
		os.Exit(1)
	}
	if !met && !*demo {
		os.Exit(1)
	}
}

func run(pyfreeze string, rounds int, demo bool) (goalsMet bool, err error) {
	binary, err := exec.LookPath(pyfreeze)
	if err != nil {
		return false, fmt.Errorf("%w (run `make build` first)", err)
	}
	if binary, err = filepath.Abs(binary); err != nil {
		return false, err
	}
	w, err := newWorkspace(binary)
	if err != nil {
		return false, err
	}
	defer w.remove()
	if demo {
		err = w.demonstrate()
	} else {
		err = w.freeze()
	}
	if err != nil {
		return false, err
	}
	t, err := w.measure(rounds)
	if err != nil {
		return false, err
	}
	t.print(os.Stdout)
	if err := w.checkAllThawed(); err != nil {
		return false, err
	}
	return t.verdict(os.Stdout), nil
}
