package cmdserver

import (
	"bytes"
	"strings"
	"testing"
)

func start(t *testing.T) *Server {
	t.Helper()
	dir := t.TempDir()
	s, err := Start(Options{Dir: dir, Env: []string{
		"PATH=/usr/bin:/bin", "HOME=" + dir, "LANG=C.UTF-8", "HGRCPATH=/dev/null", "HGUSER=test"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestServerRunsCommands(t *testing.T) {
	s := start(t)
	run := func(code int, args ...string) Result {
		t.Helper()
		res, err := s.Run(args...)
		if err != nil {
			t.Fatal(err)
		}
		if res.Code != code {
			t.Fatalf("hg %v: code %d, want %d; %s", args, res.Code, code, res.Stderr)
		}
		return res
	}
	run(0, "init", ".")
	if got := string(run(0, "version", "-q").Stdout); !strings.HasPrefix(got, "Mercurial ") {
		t.Errorf("version: %q", got)
	}
	if got := string(run(255, "log", "-r", "nosuch").Stderr); !strings.Contains(got, "nosuch") {
		t.Errorf("unknown revision: %q", got)
	}
}

func TestServerAsksForInput(t *testing.T) {
	s := start(t)
	if res, err := s.Run("init", "."); err != nil || res.Code != 0 {
		t.Fatal(res, err)
	}
	patch := "# HG changeset patch\n# User test\n# Date 0 0\nfrom input\n\n" +
		"diff --git a/a b/a\nnew file mode 100644\n--- /dev/null\n+++ b/a\n@@ -0,0 +1,1 @@\n+a\n"
	res, err := s.RunInput(strings.NewReader(patch), "import", "-")
	if err != nil || res.Code != 0 {
		t.Fatalf("%v %d %s", err, res.Code, res.Stderr)
	}
	log, err := s.Run("log", "-T", "{desc}")
	if err != nil || string(log.Stdout) != "from input" {
		t.Errorf("log: %q %v", log.Stdout, err)
	}
}

func TestReadFrameRefusesHugeLengths(t *testing.T) {
	if _, _, _, err := readFrame(bytes.NewReader([]byte{'o', 0xff, 0xff, 0xff, 0xff})); err == nil {
		t.Error("a frame of 4 GiB was accepted")
	}
	if _, _, _, err := readFrame(bytes.NewReader([]byte{'o', 0, 0, 0, 9, 'x'})); err == nil {
		t.Error("a short frame was accepted")
	}
	channel, _, want, err := readFrame(bytes.NewReader([]byte{'L', 0, 0, 16, 0}))
	if err != nil || channel != 'L' || want != 4096 {
		t.Errorf("input request: %q %d %v", channel, want, err)
	}
}
