package procmem

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"
)

func addrOf(p []byte) uintptr { return uintptr(unsafe.Pointer(&p[0])) }

// gcore dumps a process.
func gcore(t testing.TB, pid int) string {
	t.Helper()
	if _, err := exec.LookPath("gcore"); err != nil {
		t.Skip("gcore (of gdb) is not installed")
	}
	prefix := filepath.Join(t.TempDir(), "core")
	if out, err := exec.Command("gcore", "-o", prefix, fmt.Sprint(pid)).CombinedOutput(); err != nil {
		t.Fatalf("gcore: %v\n%s", err, out)
	}
	return fmt.Sprintf("%s.%d", prefix, pid)
}

// A core shows the same memory as the process it was taken from.
func TestLoadCore(t *testing.T) {
	pid, line := startPython(t, `
import threading, time
for _ in range(2): threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
import json, sqlite3
print("here", flush=True)
time.sleep(3600)`)
	if line != "here" {
		t.Fatalf("target said %q", line)
	}
	live, _ := openLive(t, pid)
	core, err := LoadCore(gcore(t, pid))
	if err != nil {
		t.Fatal(err)
	}
	defer core.Close()
	if core.Pid != pid || !strings.HasPrefix(core.Psargs, python) || len(core.Threads) != 3 {
		t.Errorf("pid %d, args %q, %d threads", core.Pid, core.Psargs, len(core.Threads))
	}
	for _, th := range core.Threads {
		if _, ok := core.Space.Find(Addr(th.Regs.Rsp)); !ok {
			t.Errorf("thread %d: stack pointer %#x is outside the core", th.Tid, th.Regs.Rsp)
		}
	}
	if core.Auxv[6] != pageSize { // AT_PAGESZ
		t.Errorf("auxiliary vector %v", core.Auxv)
	}
	text := false
	for _, s := range core.Space.Segments() {
		if s.Path == "" && s.Start > 1<<63 {
			continue // [vsyscall], which nobody else can read
		}
		if !s.Write && s.Path == "" {
			continue // memory without permissions, which gcore shows as zero
		}
		text = text || s.Path == python && s.Offset > 0
		got := make([]byte, s.Len())
		if _, err := live.ReadAt(got, s.Start); err != nil || !bytes.Equal(got, s.Data) {
			t.Errorf("%v %s %s: differs (%v)", s.Range, s.Perms(), s.Path, err)
		}
	}
	if !text {
		t.Error("nothing of the interpreter's file")
	}
}

func TestLoadCoreErrors(t *testing.T) {
	if _, err := LoadCore("/nonexistent"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := LoadCore("/dev/zero"); !errors.Is(err, errNotRegular) {
		t.Errorf("a device: %v", err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var e *CoreError
	if _, err := LoadCore(exe); !errors.As(err, &e) || e.Offset != 16 {
		t.Errorf("an executable: %v", err)
	}
	path := filepath.Join(t.TempDir(), "short")
	for _, n := range []int{0, 4, 63} {
		if err := os.WriteFile(path, make([]byte, n), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadCore(path); !errors.As(err, &e) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// Cut anywhere, a core gives an error, or less and says so; never a crash.
func TestLoadCoreTruncated(t *testing.T) {
	data := tinyCore()
	whole, err := loadBytes(t, data)
	if err != nil || whole.Lacks.Cut {
		t.Fatal(err, whole)
	}
	headers := ehdrSize + 4*phdrSize
	for n := range data {
		core, err := loadBytes(t, data[:n])
		var e *CoreError
		switch {
		case n < headers && !errors.As(err, &e):
			t.Errorf("cut to %d of %d bytes: %v", n, len(data), err)
		case n >= headers && (err != nil || !core.Lacks.Cut || !strings.Contains(core.Lacks.String(), "cut short")):
			t.Errorf("cut to %d of %d bytes: %v, %+v", n, len(data), err, core)
		case n >= headers:
			if b, err := core.Space.Bytes(0x500000, 6); err == nil {
				t.Errorf("cut to %d of %d bytes: %q", n, len(data), b)
			}
		}
	}
}

func loadBytes(t testing.TB, data []byte) (*Core, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "core")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	core, err := LoadCore(path)
	if err == nil {
		t.Cleanup(func() { core.Close() })
	}
	return core, err
}

func FuzzLoadCore(f *testing.F) {
	f.Add(tinyCore())
	f.Fuzz(func(t *testing.T, data []byte) {
		core, err := parseCore("core", data, -1)
		if err != nil {
			return
		}
		defer core.Close()
		for _, s := range core.Space.Segments() {
			if uint64(len(s.Data)) != s.Len() {
				t.Errorf("%v has %d bytes", s.Range, len(s.Data))
			}
			_, _ = core.Space.U64(s.End - 4)
			// The last byte must be there: no page beyond the end of a file.
			_ = s.Data[len(s.Data)-1]
		}
	})
}
