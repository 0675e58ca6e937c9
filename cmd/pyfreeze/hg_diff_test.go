package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// An hgStep is one command of a story. It is run by plain hg and by a thawed one, in directories of
// the same path and content.
type hgStep struct {
	// args are hg's arguments. sh is a bash script instead, in which $HG is the command under test,
	// $ONE_WORD_HG the path of a script that runs it, and $W the working directory.
	args []string
	sh   string
	// runs is how often $HG runs and logs that it did.
	runs  int
	in    string // the directory to run in, below the story's
	env   []string
	stdin string
	// status is what plain hg ends with, "exit 0" when empty: it makes sure that the step does what
	// its author meant.
	status string
}

func hg(args ...string) hgStep { return hgStep{args: args, runs: 1} }

func sh(script string) hgStep { return hgStep{sh: script, runs: strings.Count(script, "$HG ")} }

func (s hgStep) inDir(dir string) hgStep   { s.in = dir; return s }
func (s hgStep) with(env ...string) hgStep { s.env = env; return s }
func (s hgStep) input(stdin string) hgStep { s.stdin = stdin; return s }
func (s hgStep) exits(code int) hgStep     { s.status = fmt.Sprintf("exit %d", code); return s }
func (s hgStep) times(n int) hgStep        { s.runs = n; return s }
func (s hgStep) wanted() string            { return cmp.Or(s.status, "exit 0") }
func (s hgStep) String() string {
	if s.sh != "" {
		return s.sh
	}
	return "hg " + strings.Join(s.args, " ")
}

// A story is a list of steps in one working directory, which starts with files.
type story struct {
	files map[string]string
	steps []hgStep
	// mayFallBack says that some steps change what an image must fit, such as the locale: falling
	// back is right there, as long as all is the same.
	mayFallBack bool
	// image is the image to thaw instead of the shared one.
	image string
}

// defaultFiles are in every story's directory: configuration and an editor for commit messages.
func defaultFiles() map[string]string {
	return map[string]string{
		"hgrc": "[ui]\nusername = Ann Other <ann@example.org>\nmerge = :merge\ntimeout = 5\n" +
			"[alias]\nmine = log -u ann -T '{rev}:{desc|firstline}\\n'\n",
		"editor.sh": "#!/bin/sh\nsed -i 's/^HG:.*//' \"$1\"\necho \"message from the editor\" >>\"$1\"\n",
	}
}

// play runs the whole story in work with hg as the command and returns every step's outcome.
func (st story) play(t *testing.T, work string, hgCommand []string, log runLog) []outcome {
	t.Helper()
	if err := os.MkdirAll(work, 0o755); err != nil {
		t.Fatal(err)
	}
	files := defaultFiles()
	for name, text := range st.files {
		files[name] = text
	}
	for name, text := range files {
		path := filepath.Join(work, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		// An old time, the same both times: it is in the .pyc files of extensions, for instance.
		old := time.Unix(1e9, 0)
		if err := errors.Join(os.WriteFile(path, []byte(text), 0o644), os.Chtimes(path, old, old)); err != nil {
			t.Fatal(err)
		}
	}
	oneWord := filepath.Join(filepath.Dir(work), "hg-"+filepath.Base(hgCommand[0]))
	if err := os.WriteFile(oneWord, []byte("#!/bin/sh\nexec "+strings.Join(hgCommand, " ")+" \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	var outcomes []outcome
	for _, s := range st.steps {
		c := command{dir: filepath.Join(work, s.in), stdin: s.stdin, argv: append(slices.Clone(hgCommand), s.args...)}
		if s.sh != "" {
			c.argv = []string{"/bin/bash", "-c", s.sh}
		}
		c.env = append([]string{"HOME=" + work, "HGRCPATH=" + work + "/hgrc", "W=" + work,
			"EDITOR=sh " + work + "/editor.sh", "ONE_WORD_HG=" + oneWord, log.env()}, s.env...)
		// Replaced in the text: hg would take a variable HG for the path of itself.
		if s.sh != "" {
			c.argv[2] = strings.ReplaceAll(s.sh, "$HG", strings.Join(hgCommand, " "))
		}
		outcomes = append(outcomes, run(t, c))
	}
	return outcomes
}

// tell plays the story plain and thawed in both ways, and fails the test where anything differs.
func (st story) tell(t *testing.T) {
	t.Parallel()
	image := st.image
	if image == "" {
		image = hgImage(t)
	}
	dir := tempDir(t)
	log := newRunLog(t)
	work := filepath.Join(dir, "w")
	play := func(name string, hgCommand []string) []outcome {
		outcomes := st.play(t, work, hgCommand, log)
		if err := os.Rename(work, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		return outcomes
	}
	plain := play("plain", []string{hgPath})
	thawed := play("thawed", []string{binary, "run", "--way=here", image})
	executed := play("executed", []string{binary, "run", "--way=exec", image})
	runs := 0
	for i, s := range st.steps {
		runs += s.runs
		if plain[i].Status != s.wanted() {
			t.Errorf("step %d: %s: plain hg: want %s, got %v", i, s, s.wanted(), plain[i])
		}
		t.Run(fmt.Sprintf("%d", i), func(t *testing.T) {
			same(t, plain[i], thawed[i])
			same(t, plain[i], executed[i])
			if t.Failed() {
				t.Logf("step: %s", s)
			}
		})
	}
	if !st.mayFallBack {
		log.thawed(t, 2*runs)
	}
	sameTrees(t, filepath.Join(dir, "plain"), filepath.Join(dir, "thawed"), filepath.Join(dir, "executed"))
}
