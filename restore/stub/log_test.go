package stub_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"pyfreeze/restore/internal/parity"
)

// line is a line of the log of runs, of docs/run.md.
type line struct {
	Image  string
	PID    int
	Thawed bool
	Reason string
}

// parse reads a line, which must be one whole JSON object.
func parse(t *testing.T, s string) (l line) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(s))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&l); err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	if strings.Count(s, "\n") != 1 || !strings.HasSuffix(s, "}\n") || l.PID <= 0 {
		t.Errorf("%q is not one line of a run", s)
	}
	return l
}

// odd are texts that have what JSON must escape, or cannot hold.
func odd() []string {
	every := ""
	for c := 1; c < 0x180; c++ {
		every += string(rune(c))
	}
	return []string{"", "/a b", every, `"`, `\`, "\\\"\n\x01\x1f\x7f", "\xff", "é\xc3",
		strings.Repeat("\n", 100)}
}

// told says whether a text came through: bytes that are no UTF-8 are replaced by the reader.
func told(want, got string) bool { return strings.ToValidUTF8(want, "\ufffd") == got }

// TestLinesOfThaws reads what a thaw writes to its log when it goes on, and when it fails.
func TestLinesOfThaws(t *testing.T) {
	d := parity.Start(t)
	for _, path := range odd() {
		a := d.Ask("lines", path)
		ok, failed := parse(t, a[0]), parse(t, a[1]+"why\"}\n")
		if !ok.Thawed || ok.Reason != "" || failed.Thawed || failed.Reason != "why" {
			t.Errorf("%q: %+v and %+v", path, ok, failed)
		}
		// There is room for about 900 bytes, escapes among them.
		if len(path) < 900 && utf8.ValidString(path) && (ok.Image != path || failed.Image != path) {
			t.Errorf("%q: the log names %q and %q", path, ok.Image, failed.Image)
		}
	}
}

// TestLinesHaveRoom tries long paths, of which the beginning is told, cut between escapes.
func TestLinesHaveRoom(t *testing.T) {
	d := parity.Start(t)
	for _, c := range []string{"x", `"`, "\n", "x\n"} {
		for n := 120; n < 1100; n++ {
			path := strings.Repeat(c, n)
			a := d.Ask("lines", path)
			ok, failed := parse(t, a[0]), parse(t, a[1]+"\"}\n")
			if !strings.HasPrefix(path, ok.Image) || ok.Image != failed.Image || len(ok.Image) < 120 {
				t.Fatalf("%d times %q: the log names %q", n, c, ok.Image)
			}
			if len(a[0]) >= 1024 || len(a[1]) >= 1000 {
				t.Fatalf("%d times %q: lines of %d and %d bytes", n, c, len(a[0]), len(a[1]))
			}
		}
	}
}

// TestLinesOfPlainStarts reads the log that the launcher itself writes, line after line.
func TestLinesOfPlainStarts(t *testing.T) {
	d, path := parity.Start(t), filepath.Join(t.TempDir(), "log")
	texts := append(odd(), strings.Repeat("y", 3500))
	n := 0
	for _, image := range texts {
		for _, why := range texts {
			d.Ask("log", path, image, why)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.SplitAfter(string(b), "\n")
			if n++; len(lines) != n+1 {
				t.Fatalf("%d lines after %d runs", len(lines)-1, n)
			}
			l := parse(t, lines[n-1])
			if l.Thawed || !told(image, l.Image) || !told(why, l.Reason) {
				t.Errorf("%q because %q: %+v", image, why, l)
			}
		}
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("others may read the log: %v, %v", st.Mode(), err)
	}
}

// TestLogsThatAreNone shows that a log that cannot be written holds up no run, nor makes one wait.
func TestLogsThatAreNone(t *testing.T) {
	d, dir := parity.Start(t), t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	before := descriptors(t, d)
	for _, path := range []string{"", dir, dir + "/none/log", fifo, "/dev/full",
		strings.Repeat("x", 5000)} {
		d.Ask("log", path, "image", "why")
	}
	if after := descriptors(t, d); !bytes.Equal(before, after) {
		t.Errorf("descriptors stay open: %q before, %q after", before, after)
	}
}

// descriptors lists what the C side has open.
func descriptors(t *testing.T, d *parity.Driver) []byte {
	t.Helper()
	entries, err := os.ReadDir(d.Proc("fd"))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, e := range entries {
		b.WriteString(e.Name() + " ")
	}
	return b.Bytes()
}
