package main

import (
	"fmt"
	"path/filepath"
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
