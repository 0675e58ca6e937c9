package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nobody is a user that owns nothing; Debian's number for it.
const nobody = 65534

// nobodysDir is a directory that nobody may write to.
func nobodysDir(t testing.TB) string {
	t.Helper()
	dir := tempDir(t)
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAttachOtherUsersProcess(t *testing.T) {
	needRoot(t)
	s := newHG(t)
	time.Sleep(100 * time.Millisecond)
	before := takeSnapshot(t, s.PID())
	dir := nobodysDir(t)
	o := run(t, command{
		argv: []string{binary, "attach", fmt.Sprint(s.PID()), "-o", filepath.Join(dir, "i")},
		env:  []string{"HOME=" + dir, "XDG_CACHE_HOME=" + dir + "/cache"}, uid: nobody,
	}).must(t, "exit 5")
	o.oneLine(t, "user")
	mustNotExist(t, filepath.Join(dir, "i"))
	waitSame(t, s.PID(), before)
	serves(t, s)
}

// TestAttachOwnProcessUnprivileged needs no capability where the kernel lets a user trace its own.
func TestAttachOwnProcessUnprivileged(t *testing.T) {
	needRoot(t)
	if scope, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope"); err == nil && scope[0] != '0' {
		t.Skip("Yama forbids it here")
	}
	tg := newTarget(t, "blocked", targetOptions{uid: nobody})
	dir := nobodysDir(t)
	env := []string{"HOME=" + dir, "XDG_CACHE_HOME=" + dir + "/cache"}
	image := filepath.Join(dir, "i")
	run(t, command{argv: []string{binary, "attach", fmt.Sprint(tg.pid()), "-o", image}, env: env, uid: nobody}).must(t, "exit 0")
	log := filepath.Join(dir, "log")
	o := run(t, command{argv: []string{binary, "run", image, "one", "two"}, env: append(env, "PYFREEZE_LOG="+log), uid: nobody}).must(t, "exit 0")
	if o.Stdout != wantReport {
		t.Errorf("thawed: %v", o)
	}
	runLog{log}.thawed(t, 1)

	t.Run("another user's image", func(t *testing.T) {
		// Root, running what nobody could have written, would run nobody's code: neither the image nor the command that it names.
		run(t, command{argv: []string{binary, "run", image, "one", "two"}}).must(t, "exit 125").oneLine(t, "not to be trusted")
	})
}

func TestUnwritableOutput(t *testing.T) {
	s := newHG(t)
	time.Sleep(100 * time.Millisecond)
	before := takeSnapshot(t, s.PID())
	dir := tempDir(t)
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("kept"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, output := range map[string]string{
		"no directory": filepath.Join(dir, "no", "i"), "below a file": filepath.Join(file, "i"),
		"a directory": dir, "proc": "/proc/i", "name too long": filepath.Join(dir, strings.Repeat("n", 300)),
	} {
		t.Run(name, func(t *testing.T) {
			attach(t, s.PID(), output).must(t, "exit 8").oneLine(t, filepath.Base(output)[:1])
		})
	}
	t.Run("no permission", func(t *testing.T) {
		needRoot(t)
		tg := newTarget(t, "blocked", targetOptions{uid: nobody})
		cache := nobodysDir(t)
		run(t, command{
			argv: []string{binary, "attach", fmt.Sprint(tg.pid()), "-o", filepath.Join(dir, "i")},
			env:  []string{"HOME=" + cache, "XDG_CACHE_HOME=" + cache}, uid: nobody,
		}).must(t, "exit 8").oneLine(t, "permission denied")
	})
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left: %v %v", entries, err)
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "kept" {
		t.Errorf("an existing file was changed: %q %v", data, err)
	}
	waitSame(t, s.PID(), before)
	serves(t, s)
}

// TestDiskFull writes to file systems that are too small, by a little and by a lot.
func TestDiskFull(t *testing.T) {
	needRoot(t)
	s := newHG(t)
	whole := filepath.Join(tempDir(t), "i")
	attach(t, s.PID(), whole).must(t, "exit 0")
	info, err := os.Stat(whole)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	before := takeSnapshot(t, s.PID())
	used := info.Sys().(*syscall.Stat_t).Blocks * 512 // less than its size: pages of zeros are holes
	for _, size := range []int64{64 << 10, 1 << 20, used / 2, used - 512<<10} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			dir := tempDir(t)
			run(t, command{argv: []string{"mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%d", size), "none", dir}}).must(t, "exit 0")
			defer func() { run(t, command{argv: []string{"umount", dir}}).must(t, "exit 0") }()
			old := filepath.Join(dir, "old")
			if err := os.WriteFile(old, []byte("an older image"), 0o600); err != nil {
				t.Fatal(err)
			}
			attach(t, s.PID(), old).must(t, "exit 8").oneLine(t, "no space left")
			entries, err := os.ReadDir(dir)
			if err != nil || len(entries) != 1 {
				t.Errorf("left: %v %v", entries, err)
			}
			if data, err := os.ReadFile(old); err != nil || string(data) != "an older image" {
				t.Errorf("the older image is gone: %q %v", data, err)
			}
		})
	}
	waitSame(t, s.PID(), before)
	serves(t, s)
}
