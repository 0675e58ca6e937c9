package symbols

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// debuginfodTest is a stripped file whose debug file only a server has.
type debuginfodTest struct {
	file  *File
	cache string
	dbg   []byte
	asked atomic.Int32 // questions that the server got
	url   string
}

// newDebuginfod starts a server that answers by handle; without one it has the debug file.
func newDebuginfod(t *testing.T, handle http.HandlerFunc) *debuginfodTest {
	t.Helper()
	dir := t.TempDir()
	d := &debuginfodTest{cache: filepath.Join(dir, "cache")}
	copyFile(t, "testdata/stripped.so", filepath.Join(dir, "stripped.so"))
	d.file = openT(t, filepath.Join(dir, "stripped.so"))
	var err error
	if d.dbg, err = os.ReadFile("testdata/tiny5.debug"); err != nil {
		t.Fatal(err)
	}
	if handle == nil {
		handle = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(d.dbg)))
			_, _ = w.Write(d.dbg)
		}
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.asked.Add(1)
		if want := "/buildid/" + d.file.BuildID() + "/debuginfo"; r.URL.Path != want && !strings.HasPrefix(r.URL.Path, "/elsewhere") {
			t.Errorf("asked for %s, not %s", r.URL.Path, want)
		}
		handle(w, r)
	}))
	t.Cleanup(srv.Close)
	d.url = srv.URL
	knownServers.Lock() // an earlier test's may have had the same port
	delete(knownServers.m, d.url)
	knownServers.Unlock()
	t.Setenv(DebuginfodURLsEnv, srv.URL)
	t.Setenv("DEBUGINFOD_CACHE_PATH", d.cache)
	for _, name := range []string{"DEBUGINFOD_TIMEOUT", "DEBUGINFOD_MAXTIME", "DEBUGINFOD_MAXSIZE", DebugDirEnv} {
		t.Setenv(name, "")
	}
	return d
}

func (d *debuginfodTest) path() string {
	return filepath.Join(d.cache, d.file.BuildID(), "debuginfo")
}

// found fails the test unless the debug file is found, in the cache.
func (d *debuginfodTest) found(t *testing.T) {
	t.Helper()
	got, err := FindDebug(d.file)
	if err != nil || got != d.path() {
		t.Fatalf("%q, %v; want %s", got, err, d.path())
	}
	if b, err := os.ReadFile(got); err != nil || string(b) != string(d.dbg) {
		t.Errorf("%d bytes, not those of the debug file: %v", len(b), err)
	}
	d.tidy(t, "debuginfo")
}

// missing fails the test unless it is not found, for that reason.
func (d *debuginfodTest) missing(t *testing.T, why string) *MissingDebugError {
	t.Helper()
	got, err := FindDebug(d.file)
	miss, ok := errors.AsType[*MissingDebugError](err)
	if !ok {
		t.Fatalf("%q, %v", got, err)
	}
	if why != "" {
		e, ok := errors.AsType[*DebuginfodError](err)
		if !ok || !strings.Contains(e.Error(), why) || !slices.Contains(miss.Rejected, e.Error()) {
			t.Errorf("%v\nwant %q", e, why)
		}
	}
	return miss
}

// tidy fails the test unless the cache has that for the file and nothing else.
func (d *debuginfodTest) tidy(t *testing.T, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(d.path()))
	if err != nil && !(errors.Is(err, os.ErrNotExist) && len(want) == 0) {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("the cache has %q, not %q", got, want)
	}
}

// wantAsked fails the test unless the server was asked so often.
func (d *debuginfodTest) wantAsked(t *testing.T, n int32) {
	t.Helper()
	if got := d.asked.Load(); got != n {
		t.Errorf("the server was asked %d times, not %d", got, n)
	}
}

func TestDebuginfodFetchesOnce(t *testing.T) {
	d := newDebuginfod(t, nil)
	var last [2]uint64
	ctx := WithProgress(t.Context(), func(step string, done, total uint64) {
		if !strings.Contains(step, "stripped.so") {
			t.Errorf("step %q", step)
		}
		last = [2]uint64{done, total}
	})
	f, err := openDebug(ctx, d.file, false)
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	if n := uint64(len(d.dbg)); last != [2]uint64{n, n} {
		t.Errorf("progress ended with %d, not %d", last, n)
	}
	d.found(t)
	d.wantAsked(t, 1)
	for path, want := range map[string]os.FileMode{d.path(): 0o600, filepath.Dir(d.path()): 0o700} {
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v", path, st.Mode(), err)
		}
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	l, err := LoadLayout(d.file)
	if err != nil || l.Source != d.path() {
		t.Errorf("LoadLayout: %+v, %v", l, err)
	}
	// Without servers the cache is none of ours, as with elfutils.
	t.Setenv(DebuginfodURLsEnv, "")
	if miss := d.missing(t, ""); !strings.Contains(miss.Error(), DebuginfodURLsEnv) || len(miss.Servers) != 0 {
		t.Error(miss)
	}
}

func TestDebuginfodOtherServers(t *testing.T) {
	d := newDebuginfod(t, nil)
	refusing := httptest.NewServer(http.NotFoundHandler())
	refusing.Close()
	lacking := httptest.NewServer(http.NotFoundHandler())
	defer lacking.Close()
	t.Setenv(DebuginfodURLsEnv, "ftp://example.org "+refusing.URL+"  "+lacking.URL+" "+d.url+"/")
	start := time.Now()
	d.found(t)
	d.wantAsked(t, 1)
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestDebuginfodRemembersWhatNobodyHas(t *testing.T) {
	d := newDebuginfod(t, http.NotFound)
	if miss := d.missing(t, ""); len(miss.Servers) != 0 || !slices.ContainsFunc(miss.Searched, func(s string) bool { return strings.HasPrefix(s, d.url) }) ||
		!strings.Contains(miss.Error(), "no server in "+DebuginfodURLsEnv) {
		t.Errorf("%v, searched %q", miss, miss.Searched)
	}
	d.tidy(t, "debuginfo")
	remembers := func(want time.Duration) {
		t.Helper()
		miss := d.missing(t, "asked again in")
		if e, ok := errors.AsType[*rememberedError](miss); !ok || e.left > want || e.left < want-time.Minute {
			t.Errorf("%+v, want %v", e, want)
		}
		d.wantAsked(t, 1)
	}
	remembers(10 * time.Minute)
	if err := os.WriteFile(filepath.Join(d.cache, "cache_miss_s"), []byte("7200\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	remembers(2 * time.Hour)
	old := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(d.path(), old, old); err != nil {
		t.Fatal(err)
	}
	d.missing(t, "")
	d.wantAsked(t, 2)
}

// What a killed pyfreeze left is removed, what another one writes to is not.
func TestDebuginfodSweeps(t *testing.T) {
	d := newDebuginfod(t, nil)
	left, busy := d.path()+".LEFT", d.path()+".BUSY"
	copyFile(t, "testdata/tiny5.debug", left)
	copyFile(t, "testdata/tiny5.debug", busy)
	old := time.Now().Add(-2 * maxDownload)
	if err := os.Chtimes(left, old, old); err != nil {
		t.Fatal(err)
	}
	if _, err := FindDebug(d.file); err != nil {
		t.Fatal(err)
	}
	d.tidy(t, "debuginfo", "debuginfo.BUSY")
}

// A server that fails says nothing of whether there is such a file.
func TestDebuginfodRemembersNoFailures(t *testing.T) {
	d := newDebuginfod(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	lacking := httptest.NewServer(http.NotFoundHandler())
	defer lacking.Close()
	t.Setenv(DebuginfodURLsEnv, d.url+" "+lacking.URL)
	for range maxFailures {
		d.missing(t, "503 Service Unavailable")
		d.tidy(t)
	}
	if miss := d.missing(t, ""); !strings.Contains(miss.Error(), "503 Service") {
		t.Error(miss)
	}
	d.wantAsked(t, maxFailures)
	d.missing(t, "not asked again: answered 503")
	d.wantAsked(t, maxFailures)
}

func TestDebuginfodOptional(t *testing.T) {
	d := newDebuginfod(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	s := serverOf(d.url)
	optional := func() error {
		_, err := openDebug(t.Context(), d.file, true)
		return err
	}
	if err := optional(); !strings.Contains(err.Error(), "502") || s.vain == 0 || s.spent < s.vain {
		t.Errorf("%v, in vain %v of %v", err, s.vain, s.spent)
	}
	s.vain = optionalVain
	if err := optional(); !strings.Contains(err.Error(), "took 10s") {
		t.Error(err)
	}
	s.vain, s.spent = 0, optionalTotal
	if err := optional(); !strings.Contains(err.Error(), "took 2m0s") {
		t.Error(err)
	}
	d.wantAsked(t, 1)
	d.missing(t, "502") // what is needed is asked for
	d.wantAsked(t, 2)
	t.Setenv("DEBUGINFOD_TIMEOUT", "0")
	t.Setenv("DEBUGINFOD_MAXTIME", "99999999999999")
	if l := limitsOf(true); l.stall != optionalStall || l.total != optionalTotal {
		t.Errorf("optional: %+v", l)
	}
	if l := limitsOf(false); l.stall != 0 || l.total < 1000*time.Hour {
		t.Errorf("needed: %+v", l)
	}
}

func TestDebuginfodEndsWithContext(t *testing.T) {
	why := errors.New("the user has had enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	d := newDebuginfod(t, func(w http.ResponseWriter, r *http.Request) {
		cancel(why)
		<-r.Context().Done()
	})
	if _, err := LoadLayoutContext(ctx, d.file); !errors.Is(err, why) {
		t.Errorf("%v, want %v", err, why)
	}
	d.tidy(t)
	if s := serverOf(d.url); s.failures != 0 {
		t.Errorf("that is no failure of the server: %v", s.gone)
	}
}

func TestDebuginfodURLs(t *testing.T) {
	d := newDebuginfod(t, nil)
	secret := strings.Replace(d.url, "http://", "http://me:secret@", 1)
	for urls, why := range map[string]string{
		"ima:enforcing " + d.url:                    "ima:enforcing",
		"debuginfod.example.org":                    "not a URL of http",
		"file:///srv":                               "not a URL of http",
		"http://\x7f.example.org":                   "not a URL",
		strings.Replace(secret, "me", "x", 1) + "1": "", // no such port
	} {
		t.Setenv(DebuginfodURLsEnv, urls)
		if miss := d.missing(t, why); len(miss.Servers) != 1 || strings.Contains(fmt.Sprint(miss.Rejected, miss.Searched), "secret") {
			t.Errorf("%s: %q %q", urls, miss.Rejected, miss.Searched)
		}
	}
	d.wantAsked(t, 0)
	t.Setenv(DebuginfodURLsEnv, "ima:enforcing http://127.0.0.1:1 ima:ignore "+secret)
	d.found(t)
}
