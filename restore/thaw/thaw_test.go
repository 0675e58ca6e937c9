package thaw

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pyfreeze/image"
	"pyfreeze/restore/guard"
	"pyfreeze/restore/stub"
)

// sample is an image that fits here.
func sample() (*image.Content, *guard.Guards) {
	h := stub.Head{Base: 1 << 44}
	g := &guard.Guards{
		Exe: "/bin/sh", Argv0: []string{"sh"}, CPU: guard.CPU(),
		UTF8Mode: guard.UTF8Mode(os.Environ()), Env: guard.Variables(os.Environ(), nil),
	}
	return &image.Content{Program: h.Program(&stub.Tables{}), Guards: g.Encode()}, g
}

// each calls a function with every image that cannot be run, and the error that says so.
func each(t *testing.T, fn func(path, kind string)) {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, spoil func(*image.Content, *guard.Guards)) string {
		c, g := sample()
		spoil(c, g)
		path := filepath.Join(dir, name)
		if err := image.Write(path, c, nil); err != nil {
			t.Fatal(err)
		}
		return path
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	good := func(*image.Content, *guard.Guards) {}
	none := filepath.Join(dir, "none")
	fn(none, "none")
	must(os.WriteFile(none, []byte("no image"), 0o600))
	fn(none, "format")
	damaged := write("damaged", func(c *image.Content, _ *guard.Guards) { c.Guards = c.Guards[1:] })
	fn(damaged, "guards")
	fn(write("program", func(c *image.Content, _ *guard.Guards) { c.Program[8]++ }), "program")
	open := write("open", good)
	must(os.Chmod(open, 0o602))
	fn(open, "untrusted")
	if os.Getuid() == 0 {
		foreign := write("foreign", good)
		must(os.Chown(foreign, 1000, 1000))
		fn(foreign, "untrusted")
	}
	cut := write("cut", good)
	must(os.Truncate(cut, 1<<20)) // or made longer, which is as wrong
	fn(cut, "cut")
	fn(write("stale", func(c *image.Content, g *guard.Guards) {
		g.Exe, g.Files = "/none/sh", []guard.File{{Path: "/none/sh"}}
		c.Guards = g.Encode()
	}), "stale")
	fn(write("good", good), "")
}

// kindOf names an error.
func kindOf(err error) string {
	var (
		format    *image.FormatError
		cut       *image.TruncatedError
		unfit     *guard.UnfitError
		untrusted *guard.UntrustedError
	)
	switch {
	case err == nil:
		return ""
	case errors.As(err, &format):
		return "format"
	case errors.As(err, &cut):
		return "cut"
	case errors.As(err, &unfit):
		return "stale"
	case errors.As(err, &untrusted):
		return "untrusted"
	case errors.Is(err, guard.ErrDamaged):
		return "guards"
	case errors.Is(err, stub.ErrVersion):
		return "program"
	case errors.Is(err, os.ErrNotExist):
		return "none"
	}
	return err.Error()
}

// TestFits tells each image that cannot be thawed by its own error.
func TestFits(t *testing.T) {
	each(t, func(path, kind string) {
		if got := kindOf(Fits(path)); got != kind {
			t.Errorf("%s: %q (%v), want %q", path, got, Fits(path), kind)
		}
	})
}

// TestRefused asks why the launcher left an image alone. Only a binary that has the launcher knows
// that, so the test builds itself once more, with it.
func TestRefused(t *testing.T) {
	if !stub.Linked() {
		var not *NotLinkedError
		if err := Refused("/bin/sh"); !errors.As(err, &not) {
			t.Errorf("without its launcher: %v", err)
		}
		bin := filepath.Join(t.TempDir(), "linked")
		build := exec.Command("go", "test", "-c", "-o", bin, "-ldflags", "-E pyfreeze/restore/stub.entry")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		out, err := build.CombinedOutput()
		if err == nil {
			out, err = exec.Command(bin, "-test.run", "^TestRefused$", "-test.v").CombinedOutput()
		}
		if err != nil || !strings.Contains(string(out), "--- PASS: TestRefused") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	each(t, func(path, kind string) {
		err := Refused(path)
		switch kind {
		case "stale": // whose command is not there either
			if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "/none/sh") {
				t.Errorf("%s: %v", path, err)
			}
		case "":
			if err == nil || !strings.Contains(err.Error(), "could be started") {
				t.Errorf("what fits was left alone: %v", err)
			}
		default:
			if got := kindOf(err); got != kind {
				t.Errorf("%s: %q (%v), want %q", path, got, err, kind)
			}
		}
	})
}
