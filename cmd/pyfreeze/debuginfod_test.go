package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pyfreeze/symbols"
)

// Debug information from the real server of elfutils: the machine's own is hidden by an empty file system
// over its directory, in a mount namespace that only the command under test has.

func withoutDebugFiles(argv ...string) []string {
	return append([]string{"/usr/bin/unshare", "--mount", "/bin/sh", "-c", `mount -t tmpfs none /usr/lib/debug && exec "$@"`, "sh"}, argv...)
}

// debugFileOf gives the build-id of a file and the path of its debug file.
func debugFileOf(t testing.TB, path string) (id, debug string) {
	t.Helper()
	f, err := symbols.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	id = f.BuildID()
	return id, filepath.Join("/usr/lib/debug/.build-id", id[:2], id[2:]+".debug")
}

// debuginfodServer serves the debug information of some files.
type debuginfodServer struct {
	url string
	log string // a line for each question
	end func() // stops it; it stops with the test, too
}

func startDebuginfod(t testing.TB, files ...string) debuginfodServer {
	t.Helper()
	needRoot(t)
	dir := tempDir(t)
	if err := os.Mkdir(filepath.Join(dir, "served"), 0o755); err != nil {
		t.Fatal(err)
	}
	id := ""
	for _, f := range files {
		var debug string
		id, debug = debugFileOf(t, f)
		copyFile(t, filepath.Join(dir, "served", id+".debug"), debug, 0o644)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(free.Addr().String())
	_ = free.Close()
	s := debuginfodServer{url: "http://127.0.0.1:" + port, log: filepath.Join(dir, "log")}
	log, err := os.Create(s.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command("/usr/bin/debuginfod", "-v", "-F", "-t", "0", "--disable-source-scan", "-p", port, "-d", filepath.Join(dir, "db"), filepath.Join(dir, "served"))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err, "(testdata/setup.sh installs what the tests need)")
	}
	s.end = func() {
		_ = cmd.Process.Kill() // or it has ended already
		_ = cmd.Wait()
	}
	t.Cleanup(s.end)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if resp, err := http.Get(s.url + "/buildid/" + id + "/debuginfo"); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return s
			}
		}
		if time.Now().After(deadline) {
			out, _ := os.ReadFile(s.log)
			t.Fatalf("debuginfod does not serve %s:\n%s", id, out)
		}
	}
}

// asked counts the questions of pyfreeze that were answered with a status.
func (s debuginfodServer) asked(t testing.TB, status int) (n int) {
	t.Helper()
	log, err := os.ReadFile(s.log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, "UA:pyfreeze") && strings.Contains(line, fmt.Sprintf("/debuginfo %d ", status)) {
			n++
		}
	}
	return n
}

// An attach whose debug information only a server has, what stays of it, and elfutils' own client on the same cache.
func TestAttachByDebuginfod(t *testing.T) {
	s := startDebuginfod(t, python)
	id, debug := debugFileOf(t, python)
	tg := newTarget(t, "blocked", targetOptions{})
	dir := tempDir(t)
	env := []string{"XDG_CACHE_HOME=" + dir, "DEBUGINFOD_URLS=" + s.url}
	image := filepath.Join(dir, "i")
	attach := withoutDebugFiles(binary, "attach", "-v", fmt.Sprint(tg.pid()), "-o", image)
	before := takeSnapshot(t, tg.pid())
	o := run(t, command{argv: attach, env: env}).must(t, "exit 0")
	waitSame(t, tg.pid(), before)
	if want := "fetching debug information of python3.11 from 127.0.0.1:"; !strings.Contains(o.Stderr, want) {
		t.Errorf("-v does not say %q: %v", want, o)
	}
	thawsWell(t, image)
	cached := filepath.Join(dir, "debuginfod_client", id, "debuginfo")
	sameFile(t, cached, debug)
	if o := pyfreeze(t, "info", image).must(t, "exit 0"); !strings.Contains(o.Stdout, "known from "+cached) {
		t.Errorf("the layout is not that of the file that came: %v", o)
	}
	lacking := s.asked(t, http.StatusNotFound)
	if n := s.asked(t, http.StatusOK); n != 1 || lacking < 2 {
		t.Errorf("%d files came, %d that there are not were asked for; want 1, and one for each extension module", n, lacking)
	}
	// Nothing is asked again: neither what came nor what nobody has.
	if err := os.RemoveAll(filepath.Join(dir, "pyfreeze")); err != nil { // the layouts
		t.Fatal(err)
	}
	run(t, command{argv: attach, env: env}).must(t, "exit 0")
	if n := s.asked(t, http.StatusNotFound); n != lacking {
		t.Errorf("asked %d times more for what there is not", n-lacking)
	}
	s.end()
	run(t, command{argv: attach, env: env}).must(t, "exit 0")

	find := func(id string) outcome {
		return run(t, command{argv: []string{"/usr/bin/debuginfod-find", "debuginfo", id}, env: env})
	}
	if o := find(id).must(t, "exit 0"); strings.TrimSpace(o.Stdout) != cached {
		t.Errorf("debuginfod-find does not use what pyfreeze fetched: %v", o)
	}
	builds, err := filepath.Glob(filepath.Join(dir, "debuginfod_client/*/debuginfo"))
	if err != nil || len(builds) != lacking+1 {
		t.Fatalf("the cache has %q, want %d: %v", builds, lacking+1, err)
	}
	for _, path := range builds {
		if path == cached {
			continue
		}
		// The server is gone: asking it would be "Connection refused".
		if o := find(filepath.Base(filepath.Dir(path))); !strings.Contains(o.Stderr, "No such file") {
			t.Errorf("debuginfod-find does not know what pyfreeze has found nowhere: %v", o)
		}
	}
}

// What elfutils' client has fetched serves an attach for which there is no server any more.
func TestAttachByElfutilsCache(t *testing.T) {
	s := startDebuginfod(t, python)
	id, debug := debugFileOf(t, python)
	dir := tempDir(t)
	env := []string{"XDG_CACHE_HOME=" + dir, "DEBUGINFOD_URLS=" + s.url}
	o := run(t, command{argv: []string{"/usr/bin/debuginfod-find", "debuginfo", id}, env: env}).must(t, "exit 0")
	sameFile(t, strings.TrimSpace(o.Stdout), debug)
	s.end()
	tg := newTarget(t, "blocked", targetOptions{})
	image := filepath.Join(dir, "i")
	o = run(t, command{argv: withoutDebugFiles(binary, "attach", "-v", fmt.Sprint(tg.pid()), "-o", image), env: env}).must(t, "exit 0")
	if strings.Contains(o.Stderr, "fetching") {
		t.Errorf("fetched again: %v", o)
	}
	thawsWell(t, image)
}

// A struct of an extension module, for which nothing but its debug information will do.
func TestInspectByDebuginfod(t *testing.T) {
	const module = "/usr/lib/python3.11/lib-dynload/_json.cpython-311-x86_64-linux-gnu.so"
	s := startDebuginfod(t, module)
	tg := newTarget(t, "blocked", targetOptions{})
	dir := tempDir(t)
	show := command{
		argv: withoutDebugFiles(binary, "inspect", "struct", fmt.Sprint(tg.pid()), "--module", "_json", "jsonmodule"),
		env:  []string{"XDG_CACHE_HOME=" + dir, "PYFREEZE_DEBUG_DIR=" + interpreterOnly(t)},
	}
	run(t, show).must(t, "exit 9").oneLine(t, module, "DEBUGINFOD_URLS")
	show.env = append(show.env, "DEBUGINFOD_URLS=http://127.0.0.1:1")
	run(t, show).must(t, "exit 9").oneLine(t, module, "127.0.0.1:1", "connection refused")
	show.env = append(show.env, "DEBUGINFOD_URLS=http://127.0.0.1:1 "+s.url)
	if o := run(t, show).must(t, "exit 0"); !strings.Contains(o.Stdout, "struct PyModuleDef") || !strings.Contains(o.Stdout, "'_json'") {
		t.Errorf("not the struct: %v", o)
	}
}

// interpreterOnly makes a directory of debug files with that of the interpreter.
func interpreterOnly(t testing.TB) string {
	t.Helper()
	dir := tempDir(t)
	id, debug := debugFileOf(t, python)
	place := filepath.Join(dir, ".build-id", id[:2], id[2:]+".debug")
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		t.Fatal(err)
	}
	copyFile(t, place, debug, 0o644)
	return dir
}

// sameFile fails the test unless two files have the same bytes.
func sameFile(t testing.TB, got, want string) {
	t.Helper()
	a, err := os.ReadFile(got)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(want)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Errorf("%s is not %s", got, want)
	}
}
