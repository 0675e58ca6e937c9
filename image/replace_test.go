package image

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func checkEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind in %s: %v, %v", dir, left, err)
	}
}

func TestReplace(t *testing.T) {
	path := written(t, sample())
	before := opened(t, path)
	c := sample()
	c.Guards = []byte("second")
	old := syscall.Umask(0o777)
	err := Write(path, c, nil)
	syscall.Umask(old)
	if err != nil {
		t.Fatal(err)
	}
	m := opened(t, path)
	checkBytes(t, "new guards", m.Guards(), c.Guards)
	if m.Mode() != 0o600 {
		t.Errorf("mode %v under umask 0777", m.Mode())
	}
	// Who has the old one open keeps it whole.
	if err := before.Verify(nil); err != nil {
		t.Error(err)
	}
	if names, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(names) != 0 {
		t.Errorf("left behind: %v", names)
	}
}

func TestReplaceFails(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, fifo, "/dev/null", filepath.Join(dir, "no/such/folder"), "/proc/image"} {
		var we *WriteError
		if err := Write(path, sample(), nil); !errors.As(err, &we) || we.Path != path {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := os.Remove(fifo); err != nil {
		t.Fatalf("the FIFO is gone: %v", err)
	}
	checkEmpty(t, dir)
}

// TestRenameFails: the last step, when the file has its temporary name.
func TestRenameFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "i")
	op, err := replaceFile(path, func(*os.File) error { return os.Mkdir(path, 0o700) })
	if err == nil || op != "rename it" {
		t.Errorf("%s: %v", op, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	checkEmpty(t, dir)
}

// TestNamedTempFile: where there is no O_TMPFILE (NFS), a named file does.
func TestNamedTempFile(t *testing.T) {
	dir := t.TempDir()
	f, err := newNamedFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.link(); err != nil || !strings.HasPrefix(filepath.Base(f.name), ".pyfreeze-") {
		t.Errorf("link: %v, name %s", err, f.name)
	}
	f.Close()
	f.remove()
	checkEmpty(t, dir)
}

func TestWriteUnprivileged(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to be another user in one thread")
	}
	dir := t.TempDir()
	err := asNobody(t, func() error { return Write(filepath.Join(dir, "i"), sample(), nil) })
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "folder that you may write to") {
		t.Errorf("unwritable folder: %v", err)
	}
	path := written(t, sample())
	err = asNobody(t, func() error { _, err := Open(path); return err })
	if !errors.Is(err, fs.ErrPermission) {
		t.Errorf("another user's image: %v", err)
	}
}

// asNobody runs f with the file rights of a user without any, on this thread.
func asNobody(t *testing.T, f func() error) error {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends with the goroutine
		if err := unix.Setfsuid(65534); err != nil {
			done <- err
			return
		}
		done <- f()
	}()
	return <-done
}

func TestDiskFull(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to mount a small tmpfs")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("cannot mount a tmpfs: %v", err)
	}
	defer unix.Unmount(dir, 0)
	path := filepath.Join(dir, "i")
	small := sample()
	if err := Write(path, small, nil); err != nil {
		t.Fatal(err)
	}
	big := &Content{Segments: []Segment{{Addr: 0x100000, Data: noise(1, 4<<20)}}}
	err := Write(path, big, nil)
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "free some space") {
		t.Errorf("disk full: %v", err)
	}
	m := opened(t, path)
	if err := m.Verify(nil); err != nil {
		t.Errorf("the image that was there: %v", err)
	}
	m.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	checkEmpty(t, dir)
	if err := Write(filepath.Join(dir, "again"), small, nil); err != nil {
		t.Errorf("the space was not given back: %v", err)
	}
}

func TestReadOnlyMount(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to mount a read-only tmpfs")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_RDONLY, ""); err != nil {
		t.Skipf("cannot mount a tmpfs: %v", err)
	}
	defer unix.Unmount(dir, 0)
	if err := Write(filepath.Join(dir, "i"), sample(), nil); !errors.Is(err, syscall.EROFS) {
		t.Errorf("read-only: %v", err)
	}
}

func TestFileSizeLimit(t *testing.T) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 1 << 20, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	err := Write(filepath.Join(dir, "i"), &Content{Segments: []Segment{{Addr: 0x100000, Data: noise(1, 4<<20)}}}, nil)
	if e := unix.Setrlimit(unix.RLIMIT_FSIZE, &old); e != nil {
		t.Fatal(e)
	}
	if !errors.Is(err, syscall.EFBIG) || !strings.Contains(err.Error(), "ulimit") {
		t.Errorf("over the limit: %v", err)
	}
	checkEmpty(t, dir)
}
