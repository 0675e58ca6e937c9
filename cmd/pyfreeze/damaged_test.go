package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// copyFile copies a file with a mode.
func copyFile(t testing.TB, to, from string, mode os.FileMode) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, mode); err != nil {
		t.Fatal(err)
	}
}

// plainReport is what target.py prints when it is started plainly with "one two".
const plainReport = "born elsewhere: False\nheap: whole\nrounds: 3\nargv: ['one', 'two']\nthreads: 1 True\n"

// TestLongTruncatedImage cuts the image at every 4 KiB boundary. Where the plain command can still
// be read, run falls back to it.
func TestLongTruncatedImage(t *testing.T) {
	t.Parallel()
	image := filepath.Join(tempDir(t), "i")
	copyFile(t, image, pythonImage(t), 0o600)
	info, err := os.Stat(image)
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	pages := int(info.Size() / page)
	fellBack, failed := 0, 0
	for n := pages; n >= 0; n-- {
		size := int64(n) * page
		if size == info.Size() {
			continue
		}
		if err := os.Truncate(image, size); err != nil {
			t.Fatal(err)
		}
		pyfreeze(t, "info", image).must(t, "exit 10").oneLine(t, image)
		// A plain start is slow: run near the ends and at every 32nd boundary between.
		if n > 64 && n < pages-16 && n%32 != 0 {
			continue
		}
		pyfreeze(t, "verify", image).must(t, "exit 10").oneLine(t, image)
		log := newRunLog(t)
		o := run(t, command{argv: []string{binary, "run", image, "one", "two"}, env: []string{log.env()}})
		switch {
		case o.Status == "exit 0" && o.Stdout == plainReport && o.Stderr == "":
			fellBack++
			log.fellBack(t, "cut short")
		case o.Status == "exit 125":
			failed++
			o.oneLine(t, image)
		default:
			t.Fatalf("run of an image cut at %d of %d bytes: %v", size, info.Size(), o)
		}
	}
	t.Logf("%d pages: %d runs fell back, %d could not start anything", pages, fellBack, failed)
	if fellBack == 0 || failed == 0 {
		t.Error("expected both: a fallback while the head of the image is there, an error when it is not")
	}
}

// TestDamagedImage changes bytes all over the image: verify must see every one, and nothing crash.
func TestDamagedImage(t *testing.T) {
	t.Parallel()
	original, err := os.ReadFile(pythonImage(t))
	if err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(tempDir(t), "i")
	if err := os.WriteFile(image, original, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	pyfreeze(t, "verify", image).must(t, "exit 0")
	for i := range 150 {
		// Half of them among the headers and notes at the start.
		at := int64(i) * 53
		if i%2 == 1 {
			at = int64(len(original)) / 150 * int64(i)
		}
		if _, err := f.WriteAt([]byte{original[at] ^ 0x40}, at); err != nil {
			t.Fatal(err)
		}
		if o := pyfreeze(t, "verify", image); o.Status != "exit 10" {
			t.Errorf("byte %#x changed: %v", at, o)
		} else {
			o.oneLine(t, image)
		}
		if _, err := f.WriteAt(original[at:at+1], at); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNotAnImage gives other files to every command that reads an image.
func TestNotAnImage(t *testing.T) {
	dir := tempDir(t)
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// A 64-bit ELF core for x86-64 that has nothing in it.
	elfHeader := slices.Concat([]byte("\x7fELF\x02\x01\x01"), make([]byte, 9), []byte{4, 0, 62, 0}, make([]byte, 44))
	for _, path := range []string{
		filepath.Join(dir, "nosuch"), dir, "/dev/null", write("empty", nil), write("text", []byte("#!/bin/sh\n")),
		write("elf", elfHeader), "/bin/true", write("zeros", make([]byte, 1<<16)), write("newline\nname", nil),
	} {
		for _, command := range []string{"info", "verify", "run"} {
			want := "exit 10"
			switch {
			case command == "run":
				want = "exit 125"
			case strings.HasSuffix(path, "nosuch"):
				want = "exit 1"
			}
			o := pyfreeze(t, command, path)
			if o.Status != want {
				t.Errorf("%s %s: want %s, got %v", command, path, want, o)
			}
			if !strings.Contains(path, "\n") {
				o.oneLine(t, path)
			}
		}
	}
}
