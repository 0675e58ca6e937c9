package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// thawStatus runs `hg status` thawed and compares with what plain hg printed.
func thawStatus(image, repo, want string, log runLog) error {
	o, err := try(command{argv: []string{binary, "run", image, "status", "-A"}, dir: repo, env: []string{log.env(), "HGRCPATH=/dev/null"}})
	if err != nil {
		return err
	}
	if o.Status != "exit 0" || o.Stdout != want || o.Stderr != "" {
		return fmt.Errorf("thawed: %v", o)
	}
	return nil
}

// TestThaw500InARow and 50 at once: none may fail, none may fall back.
func TestThaw500InARow(t *testing.T) {
	image, repo := hgImage(t), filepath.Join(baseDir, "hg-target")
	log := newRunLog(t)
	want := run(t, command{argv: []string{hgPath, "status", "-A"}, dir: repo}).must(t, "exit 0").Stdout
	for i := range 500 {
		if err := thawStatus(image, repo, want, log); err != nil {
			t.Fatalf("thaw %d: %v", i, err)
		}
	}
	log.thawed(t, 500)
}

func TestThaw50AtOnce(t *testing.T) {
	image, repo := hgImage(t), filepath.Join(baseDir, "hg-target")
	log := newRunLog(t)
	want := run(t, command{argv: []string{hgPath, "status", "-A"}, dir: repo}).must(t, "exit 0").Stdout
	var all sync.WaitGroup
	errs := make(chan error, 50)
	for range 50 {
		all.Go(func() { errs <- thawStatus(image, repo, want, log) })
	}
	all.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	log.thawed(t, 50)
}

// TestLongSoak thaws 10,000 times in a row, and then 50 at once, as often: a program that goes on
// at its point, whose answer depends on its arguments and must never be another's; every tenth is
// hg.
func TestLongSoak(t *testing.T) {
	const rows, crowd, rounds, each = 10000, 50, 4, 10
	h := newHome(t)
	h.write("prog.py", "import random, sys\nR = random.Random()\ndef main():\n    n = int(sys.argv[1])\n"+
		"    import json.tool\n    print(json.dumps({'n': n, 'sum': sum(range(n))}), R.getrandbits(96))\nmain()\n")
	h.run(binary, "freeze", "-o", "i", "--", python, filepath.Join(h.dir, "prog.py"), "1").must(t, "exit 0")
	image, repo, log := hgImage(t), filepath.Join(baseDir, "hg-target"), newRunLog(t)
	want := run(t, command{argv: []string{hgPath, "status", "-A"}, dir: repo}).must(t, "exit 0").Stdout
	var lock sync.Mutex
	drawn := map[string]int{}
	one := func(n int) error {
		if n%each == 0 {
			return thawStatus(image, repo, want, log)
		}
		o, err := try(command{argv: []string{binary, "run", "i", fmt.Sprint(n)}, dir: h.dir, env: []string{log.env()}})
		if err != nil {
			return err
		}
		answer := fmt.Sprintf("{\"n\": %d, \"sum\": %d} ", n, n*(n-1)/2)
		number, ok := strings.CutPrefix(o.Stdout, answer)
		if !ok || o.Stderr != "" || o.Status != "exit 0" {
			return fmt.Errorf("thaw %d: %v", n, o)
		}
		lock.Lock()
		defer lock.Unlock()
		if first, again := drawn[number]; again {
			return fmt.Errorf("thaws %d and %d drew the same random number", first, n)
		}
		drawn[number] = n
		return nil
	}
	for n := range rows {
		if err := one(n); err != nil {
			t.Fatal(err)
		}
	}
	for round := range rounds {
		var all sync.WaitGroup
		errs := make(chan error, crowd)
		for n := range crowd {
			all.Go(func() { errs <- one(rows + round*crowd + n) })
		}
		all.Wait()
		close(errs)
		for err := range errs {
			if err != nil {
				t.Error(err)
			}
		}
	}
	log.thawed(t, rows+rounds*crowd)
}
