package symbols

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pyfreeze/procmem"
)

// target starts a program that says "ready" and then blocks reading its stdin.
func target(t testing.TB, argv ...string) int {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = cleanEnv()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("%s: %q, %v", argv[0], line, err)
	}
	return cmd.Process.Pid
}

const block = "import sys, _ctypes, zlib; print('ready', flush=True); sys.stdin.read()"

func memory(t testing.TB, pid int) ([]procmem.Mapping, *procmem.Live) {
	t.Helper()
	maps, err := procmem.ReadMaps(pid)
	if err != nil {
		t.Fatal(err)
	}
	live, err := procmem.OpenLive(pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = live.Close() })
	return maps, live
}

func TestIdentify(t *testing.T) {
	for _, in := range interps(t) {
		t.Run(in.name, func(t *testing.T) {
			maps, live := memory(t, target(t, in.exe, "-I", "-S", "-c", block))
			got, err := Identify(maps, live)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = got.Module.File.Close() }()
			version := strings.TrimSpace(python(t, in.exe, "import sys; print('%d.%d.%d' % sys.version_info[:3], sys.hexversion)"))
			if s := fmt.Sprintf("%v %d", got.Version, got.Version.Hex); s != version {
				t.Errorf("version %s, want %s", s, version)
			}
			exe, err := filepath.EvalSymlinks(in.exe)
			if err != nil {
				t.Fatal(err)
			}
			if got.Exe != exe || got.Module.Path != in.module || got.Static != (exe == in.module) || (got.Bias == 0) != got.Static {
				t.Errorf("%+v", got)
			}
			// The bias is right if _PyRuntime names the main thread's pthread_self.
			l := layoutOf(t, in)
			v, err := l.Var("_PyRuntime")
			if err != nil {
				t.Fatal(err)
			}
			head, err := l.Field("_PyRuntimeState", "interpreters.head")
			if err != nil {
				t.Fatal(err)
			}
			main, err := l.Field("_PyRuntimeState", "interpreters.main")
			if err != nil {
				t.Fatal(err)
			}
			at := v.Addr + got.Bias
			h, err1 := readUint(live, at+procmem.Addr(head.Offset), 8)
			m, err2 := readUint(live, at+procmem.Addr(main.Offset), 8)
			if err1 != nil || err2 != nil || h == 0 || h != m {
				t.Errorf("interpreters.head %#x %v, .main %#x %v", h, err1, m, err2)
			}
		})
	}
}

// Modules are where the dynamic linker says: compare with the target's own view.
func TestModules(t *testing.T) {
	in := interps(t)[0]
	code := block[:strings.Index(block, "print")] + `
import ctypes
class Info(ctypes.Structure): _fields_ = [('addr', ctypes.c_void_p), ('name', ctypes.c_char_p)]
seen = []
def cb(info, size, data):
    seen.append((info.contents.addr or 0, (info.contents.name or b'').decode())); return 0
CB = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Info), ctypes.c_size_t, ctypes.c_void_p)
ctypes.CDLL(None).dl_iterate_phdr(CB(cb), None)
open(sys.argv[1], 'w').write(''.join('%x %s\n' % s for s in seen))
print('ready', flush=True); sys.stdin.read()`
	list := filepath.Join(t.TempDir(), "list")
	maps, live := memory(t, target(t, in.exe, "-I", "-S", "-c", code, list))
	mods, err := ModulesIn(maps, live)
	if err != nil {
		t.Fatal(err)
	}
	defer CloseModules(mods)
	got := map[string]procmem.Addr{}
	for _, m := range mods {
		got[m.Path] = m.Bias
		if len(m.Maps) == 0 || m.Maps[0].Start > m.Range.Start || m.Maps[len(m.Maps)-1].End < m.Range.End {
			t.Errorf("%s: range %v, maps %+v", m.Path, m.Range, m.Maps)
		}
	}
	b, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(b)) {
		addr, path, _ := strings.Cut(strings.TrimSpace(line), " ")
		if path == "" {
			path = in.exe
		}
		if !strings.HasPrefix(path, "/") {
			continue // linux-vdso.so.1
		}
		real, err := filepath.EvalSymlinks(path)
		if err != nil {
			t.Fatal(err)
		}
		n++
		if bias, ok := got[real]; !ok || fmt.Sprintf("%x", uint64(bias)) != addr {
			t.Errorf("%s: bias %v, the dynamic linker says 0x%s", real, bias, addr)
		}
	}
	if n != len(mods) || n < 5 {
		t.Errorf("%d modules, the dynamic linker has %d", len(mods), n)
	}
}

// An interpreter that was replaced on disk must not be analysed with the new file.
func TestReplaced(t *testing.T) {
	in := interps(t)[0]
	if in.exe != in.module {
		t.Skip("needs an interpreter in one file")
	}
	exe := filepath.Join(t.TempDir(), "python3.11")
	copyFile(t, in.exe, exe)
	maps, live := memory(t, target(t, exe, "-I", "-S", "-c", "print('ready', flush=True); import sys; sys.stdin.read()"))

	check := func(maps []procmem.Mapping, what string) {
		t.Helper()
		_, err := Identify(maps, live)
		if re, ok := errors.AsType[*ReplacedError](err); !ok || re.Path != exe || re.Addr == 0 {
			t.Errorf("%s: Identify: %v", what, err)
		}
		mods, err := Modules(maps)
		CloseModules(mods)
		if re, ok := errors.AsType[*ReplacedError](err); !ok || re.Path != exe || len(mods) == 0 {
			t.Errorf("%s: Modules: %d, %v", what, len(mods), err)
		}
	}
	if err := os.Remove(exe); err != nil {
		t.Fatal(err)
	}
	check(maps, "maps from before, file gone")
	copyFile(t, "/proc/self/exe", exe)
	check(maps, "maps from before, other file")
	now, err := procmem.ReadMaps(live.PID())
	if err != nil {
		t.Fatal(err)
	}
	check(now, "deleted")
	// The same build at the same path under another inode is fine if memory can tell.
	copyFile(t, in.exe, exe)
	got, err := Identify(maps, live)
	if err != nil || got.Exe != exe {
		t.Errorf("same build: %v", err)
	} else {
		_ = got.Module.File.Close()
	}
}

func TestNotPython(t *testing.T) {
	self, live := memory(t, os.Getpid())
	_, err := Identify(self, live)
	if ne, ok := errors.AsType[*NotPythonError](err); !ok || !strings.Contains(ne.Error(), "without a Python") {
		t.Errorf("this test: %v", err)
	}
	maps, live := memory(t, target(t, "/bin/sh", "-c", "echo ready; read x"))
	_, err = Identify(maps, live)
	if ne, ok := errors.AsType[*NotPythonError](err); !ok || !strings.Contains(ne.Error(), "no libpython") || ne.Path == "" {
		t.Errorf("sh: %v", err)
	}
	if _, err := Identify(nil, live); err == nil {
		t.Error("no mappings: no error")
	}
	// A 32-bit executable.
	path := filepath.Join(t.TempDir(), "old")
	if err := os.WriteFile(path, append([]byte("\x7fELF\x01\x01\x01"), make([]byte, 100)...), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err = Identify([]procmem.Mapping{{Range: procmem.Range{Start: 0x8048000, End: 0x8049000}, Read: true, Exec: true, Path: path}}, nil)
	if ne, ok := errors.AsType[*NotPythonError](err); !ok || !strings.Contains(ne.Error(), "32-bit") {
		t.Errorf("32-bit: %v", err)
	}
}

// musl is refused by its loader's name; a file called so is enough.
func TestMusl(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ld-musl-x86_64.so.1")
	copyFile(t, "testdata/tiny5.so", path)
	f := openT(t, path)
	var maps []procmem.Mapping
	for _, p := range f.Progs {
		if p.Type == 1 { // PT_LOAD
			at := procmem.Addr(0x7f0000000000 + pageDown(p.Vaddr))
			maps = append(maps, procmem.Mapping{Range: procmem.Range{Start: at, End: at + 0x1000}, Read: true,
				Exec: p.Flags&1 != 0, Offset: pageDown(p.Off), Path: path})
		}
	}
	_, err := Identify(maps, nil)
	if ne, ok := errors.AsType[*NotPythonError](err); !ok || !strings.Contains(ne.Error(), "musl") {
		t.Errorf("%v", err)
	}
}

// Old and foreign versions are named. 2.7, 3.6 and 3.7 come from pyenv.
func TestUnsupportedVersions(t *testing.T) {
	home, err := os.UserHomeDir()
	if err != nil {
		t.Skip(err)
	}
	n := 0
	for _, v := range []string{"2.7", "3.6", "3.7"} {
		exes, _ := filepath.Glob(filepath.Join(home, ".pyenv/versions", v+".*", "bin", "python"+v)) // the pattern is fine
		for _, exe := range exes {
			n++
			full := filepath.Base(filepath.Dir(filepath.Dir(exe)))
			maps, live := memory(t, target(t, exe, "-S", "-c", "import sys; sys.stdout.write('ready\\n'); sys.stdout.flush(); sys.stdin.read()"))
			_, err := Identify(maps, live)
			if ne, ok := errors.AsType[*NotPythonError](err); !ok || !strings.Contains(ne.Error(), "Python "+full) {
				t.Errorf("%s: %v", full, err)
			}
		}
	}
	if n == 0 {
		t.Skip("no old versions from pyenv here")
	}
}
