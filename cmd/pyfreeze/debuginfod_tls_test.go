package main

import (
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// tlsServer has the debug file of the interpreter. It sends half of it, and goes on slowly until it is told to send the rest.
type tlsServer struct {
	*httptest.Server
	certificate string // a file
	goOn        atomic.Bool
}

func newTLSServer(t *testing.T) *tlsServer {
	t.Helper()
	id, debug := debugFileOf(t, python)
	data, err := os.ReadFile(debug)
	if err != nil {
		t.Fatal(err)
	}
	s := &tlsServer{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/buildid/"+id+"/debuginfo" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		sent := len(data) / 2
		_, _ = w.Write(data[:sent])
		for ; !s.goOn.Load() && r.Context().Err() == nil; sent += 256 { // fast enough not to be given up
			_, _ = w.Write(data[sent : sent+256])
			w.(http.Flusher).Flush()
			time.Sleep(10 * time.Millisecond)
		}
		_, _ = w.Write(data[sent:])
	}))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of clients that hang up
	s.StartTLS()
	t.Cleanup(s.Close)
	s.certificate = filepath.Join(tempDir(t), "certificate")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(s.certificate, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// A download over TLS on a terminal: it shows how far it is, ends at ^C without a trace, and else comes to its end.
func TestDebuginfodOnTerminal(t *testing.T) {
	needRoot(t)
	s := newTLSServer(t)
	tg := newTarget(t, "blocked", targetOptions{})
	dir := tempDir(t)
	image := filepath.Join(dir, "i")
	attach := command{
		argv: withoutDebugFiles(binary, "attach", fmt.Sprint(tg.pid()), "-o", image),
		env:  []string{"XDG_CACHE_HOME=" + dir, "DEBUGINFOD_URLS=" + s.URL, "SSL_CERT_FILE=" + s.certificate},
	}
	before := takeSnapshot(t, tg.pid())
	term := startTerminal(t, attach)
	term.expect("python3.11 from "+strings.TrimPrefix(s.URL, "https://")+" 50%", 1)
	term.keys("\x03")
	if o := term.wait(); o.Status != "signal: interrupt" || !strings.Contains(o.Stdout, "no image was written") {
		t.Errorf("after ^C: %v", o)
	}
	waitSame(t, tg.pid(), before)
	if left, err := filepath.Glob(filepath.Join(dir, "debuginfod_client/*")); err != nil || len(left) != 0 {
		t.Errorf("left in the cache: %q %v", left, err)
	}
	mustNotExist(t, image)

	term = startTerminal(t, attach)
	term.expect("50%", 1)
	s.goOn.Store(true)
	if o := term.wait(); o.Status != "exit 0" {
		t.Errorf("to the end: %v", o)
	}
	thawsWell(t, image)
}

// Whoever cannot show that he is the server is not believed.
func TestDebuginfodCertificate(t *testing.T) {
	needRoot(t)
	s := newTLSServer(t)
	s.goOn.Store(true)
	dir := tempDir(t)
	tg := newTarget(t, "blocked", targetOptions{})
	o := run(t, command{
		argv: withoutDebugFiles(binary, "inspect", "struct", fmt.Sprint(tg.pid()), "--module", "_json", "jsonmodule"),
		env:  []string{"XDG_CACHE_HOME=" + dir, "DEBUGINFOD_URLS=" + s.URL, "PYFREEZE_DEBUG_DIR=" + interpreterOnly(t)},
	}).must(t, "exit 9")
	o.oneLine(t, s.URL, "certificate")
}

// A server that says nothing is asked once in a run. Then pyfreeze makes do with what it ships.
func TestDebuginfodSilentServer(t *testing.T) {
	needRoot(t)
	var asked atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		<-r.Context().Done()
	}))
	t.Cleanup(s.Close)
	tg := newTarget(t, "blocked", targetOptions{})
	dir := tempDir(t)
	image := filepath.Join(dir, "i")
	run(t, command{
		argv: withoutDebugFiles(binary, "attach", fmt.Sprint(tg.pid()), "-o", image),
		env:  []string{"XDG_CACHE_HOME=" + dir, "DEBUGINFOD_URLS=" + s.URL, "DEBUGINFOD_TIMEOUT=1"},
	}).must(t, "exit 0")
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	thawsWell(t, image)
}
