package procmem

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const python = "/usr/bin/python3.11"

// startPython runs a program, waits for its first line of output, stops it by
// SIGSTOP and gives the line.
func startPython(t testing.TB, program string, args ...string) (pid int, line string) {
	t.Helper()
	if _, err := os.Stat(python); err != nil {
		t.Skipf("no interpreter to read: %v", err)
	}
	cmd := exec.Command(python, append([]string{"-c", program}, args...)...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(s string) bool {
		return strings.HasPrefix(s, "PYTHONUNBUFFERED=") || strings.HasPrefix(s, "PYTHONDONTWRITEBYTECODE=")
	})
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	buf := make([]byte, 4096)
	n, err := out.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	pid = cmd.Process.Pid
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err == nil && bytes.Contains(stat, []byte(") T ")) {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the target does not stop")
		}
	}
	return pid, strings.TrimSpace(string(buf[:n]))
}

// targetProgram has every kind of memory: it prints addresses of its own and
// what stands there.
const targetProgram = `
import ctypes, mmap, sys, tempfile, threading, time
def addr(m): return ctypes.addressof(ctypes.c_char.from_buffer(m))
for _ in range(3): threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
anon = mmap.mmap(-1, 1 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS); anon[5 * 4096:5 * 4096 + 4] = b"anon"
huge = mmap.mmap(-1, 64 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000); huge[33 << 30:(33 << 30) + 4] = b"huge"
shared = mmap.mmap(-1, 1 << 16); shared[4096:4100] = b"shar"
f = tempfile.TemporaryFile(); f.write(b"file" * 4096); f.flush()
priv = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_COPY); priv[4096:4100] = b"copy"
hole = mmap.mmap(-1, 4096 * 5, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for i in range(5): hole[i * 4096:i * 4096 + 4] = b"hol%d" % i
prot = ctypes.CDLL(None).mprotect
prot(ctypes.c_void_p(addr(hole) + 4096 * 2), 4096, 0)
print(addr(anon), addr(huge), addr(shared), addr(priv), addr(hole), flush=True)
time.sleep(3600)`

func TestCapture(t *testing.T) {
	pid, line := startPython(t, targetProgram)
	var anon, huge, shared, priv, hole Addr
	if _, err := fmt.Sscan(line, (*uint64)(&anon), (*uint64)(&huge), (*uint64)(&shared), (*uint64)(&priv), (*uint64)(&hole)); err != nil {
		t.Fatal(err)
	}
	live, maps := openLive(t, pid)
	var last, total uint64
	sp, err := Capture(live, maps, func(d, n uint64) {
		if d < last || d > n {
			t.Errorf("progress went from %d to %d of %d", last, d, n)
		}
		last, total = d, n
	})
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	if last != total || total == 0 || total > 1<<30 {
		t.Errorf("copied %d of %d bytes", last, total)
	}
	for _, c := range []struct {
		at   Addr
		want string
	}{
		{anon + 5*4096, "anon"}, {anon, "\x00\x00\x00\x00"}, {huge + 33<<30, "huge"}, {huge + 1<<30, "\x00\x00\x00\x00"},
		{shared + 4096, "shar"}, {priv + 4096, "copy"}, {priv, "file"}, {hole, "hol0"}, {hole + 3*4096, "hol3"},
	} {
		if got, err := sp.Bytes(c.at, 4); err != nil || string(got) != c.want {
			t.Errorf("at %v: %q, %v; want %q", c.at, got, err, c.want)
		}
	}
	if _, err := sp.U8(hole + 2*4096); !errors.Is(err, ErrUnmapped) {
		t.Errorf("memory without permissions: %v", err)
	}
	compare(t, live, sp, 1<<30)
}

func openLive(t testing.TB, pid int) (*Live, []Mapping) {
	t.Helper()
	live, err := OpenLive(pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { live.Close() })
	maps, err := ReadMaps(pid)
	if err != nil {
		t.Fatal(err)
	}
	return live, maps
}

// compare compares a copy with the process itself, in segments up to a size.
func compare(t *testing.T, live *Live, sp *Space, limit uint64) {
	t.Helper()
	n := 0
	for _, s := range sp.Segments() {
		if s.Len() > limit {
			continue
		}
		got := make([]byte, s.Len())
		if _, err := live.ReadAt(got, s.Start); err != nil {
			t.Errorf("%v %s: %v", s.Range, s.Path, err)
		} else if !bytes.Equal(got, s.Data) {
			t.Errorf("%v %s %s differs", s.Range, s.Perms(), s.Path)
		}
		n++
	}
	if n < 20 {
		t.Errorf("only %d segments compared", n)
	}
}

// A guard page inside a mapping must cost that page alone.
func TestCaptureCutsHoles(t *testing.T) {
	const madvGuardInstall = 102 // Linux 6.13
	p, err := unix.Mmap(-1, 0, 8*4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(p)
	for i := range 8 {
		p[i*4096] = byte('0' + i)
	}
	if err := unix.Madvise(p[3*4096:5*4096], madvGuardInstall); err != nil {
		t.Skipf("this kernel has no guard pages inside mappings: %v", err)
	}
	at := Addr(addrOf(p))
	live, maps := openLive(t, os.Getpid())
	maps = slices.DeleteFunc(maps, func(m Mapping) bool { return !m.Contains(at) })
	sp, err := Capture(live, maps, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	for i := range Addr(8) {
		got, err := sp.U8(at + i*4096)
		if guard := i == 3 || i == 4; guard != (err != nil) || !guard && got != byte('0'+i) {
			t.Errorf("page %d: %q, %v", i, got, err)
		}
	}
}

// Without process_vm_readv, through /proc/PID/mem, everything is the same.
func TestLiveFallback(t *testing.T) {
	pid, _ := startPython(t, targetProgram)
	live, maps := openLive(t, pid)
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	slow := &Live{pid: pid, mem: mem}
	defer slow.Close()
	sp, err := Capture(slow, maps, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	compare(t, live, sp, 1<<30)
	var e *ReadError
	if _, err := slow.ReadAt(make([]byte, 8), 0); !errors.As(err, &e) || !errors.Is(err, unix.EFAULT) {
		t.Errorf("reading at 0: %v", err)
	}
}

func TestLiveErrors(t *testing.T) {
	if _, err := OpenLive(1 << 22); !errors.Is(err, ErrNoProcess) {
		t.Errorf("no process: %v", err)
	}
	p, err := unix.Mmap(-1, 0, 2*4096, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Mprotect(p[4096:], unix.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(p)
	live, _ := openLive(t, os.Getpid())
	at := Addr(addrOf(p))
	var e *ReadError
	n, err := live.ReadAt(make([]byte, 100), at+4096-10)
	if n != 10 || !errors.As(err, &e) || e.Addr != at+4096 || e.Len != 90 || !errors.Is(err, unix.EFAULT) {
		t.Errorf("short read: %d, %v", n, err)
	}
}

func BenchmarkCapture(b *testing.B) {
	pid, _ := startPython(b, "x = [str(i) for i in range(500000)]; print(flush=True); import time; time.sleep(3600)")
	live, maps := openLive(b, pid)
	for b.Loop() {
		sp, err := Capture(live, maps, func(_, n uint64) { b.SetBytes(int64(n)) })
		if err != nil {
			b.Fatal(err)
		}
		sp.Close()
	}
}
