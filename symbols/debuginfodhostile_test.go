package symbols

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// raw answers with bytes of one's own.
func raw(answer func(net.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		answer(conn)
	}
}

func read(name string) []byte {
	b, err := os.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return b
}

// Whatever a server does, the error says it, in time, and nothing stays in the cache.
func TestDebuginfodHostileServers(t *testing.T) {
	dbg := read("testdata/tiny5.debug")
	flood := func(w http.ResponseWriter, pause time.Duration, n int) {
		b := make([]byte, n)
		for {
			if _, err := w.Write(b); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			time.Sleep(pause)
		}
	}
	for name, c := range map[string]struct {
		why    string
		env    string
		handle http.HandlerFunc
	}{
		"broken off": {"broke off after 100 bytes", "", raw(func(c net.Conn) {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(dbg), dbg[:100])
		})},
		"broken off, no length": {"sent something else", "", raw(func(c net.Conn) {
			fmt.Fprintf(c, "HTTP/1.0 200 OK\r\n\r\n%s", dbg[:len(dbg)-64])
		})},
		"sections missing": {"lacks parts of its sections", "", func(w http.ResponseWriter, _ *http.Request) {
			// The table of sections at the place of the last one, whose contents it takes.
			_, _ = w.Write(withoutTail(dbg))
		}},
		"other size": {fmt.Sprintf("sent %d bytes of a file of 99999", len(dbg)), "", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-DEBUGINFOD-SIZE", "99999")
			_, _ = w.Write(dbg)
		}},
		"nothing":        {"sent nothing", "", func(http.ResponseWriter, *http.Request) {}},
		"other build":    {"belongs to another build", "", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(read("testdata/tiny4.so")) }},
		"no DWARF":       {"no .debug_info", "", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(read("testdata/stripped.so")) }},
		"a page":         {"not an ELF file", "", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>Log in first</html>")) }},
		"no HTTP":        {"malformed HTTP", "", raw(func(c net.Conn) { fmt.Fprint(c, "SSH-2.0-\x1b[2J\r\n\r\n") })},
		"no answer":      {"without an answer", "", raw(func(net.Conn) {})},
		"endless header": {"headers exceeded", "", raw(func(c net.Conn) { endless(c, "HTTP/1.1 200 OK\r\n", "X-More: and more\r\n") })},
		"endless line":   {"exceeded", "", raw(func(c net.Conn) { endless(c, "HTTP/1.1 200 OK\r\nX: ", "more and more ") })},
		"endless": {"larger than 300000 bytes; DEBUGINFOD_MAXSIZE", "MAXSIZE=300000",
			func(w http.ResponseWriter, _ *http.Request) { flood(w, 0, 1<<10) }},
		"too large": {"larger than", "", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "2000000000000") }},
		"too large, told": {"larger than", "", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-DEBUGINFOD-SIZE", "2000000000000")
			flood(w, 0, 1<<10)
		}},
		"does not send what is too large": {"larger than 7 bytes", "MAXSIZE=7", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-DEBUGINFOD-MAXSIZE") == "7" {
				w.WriteHeader(http.StatusNotAcceptable)
			}
		}},
		"silent":   {"less than 100 KiB in 1s (DEBUGINFOD_TIMEOUT)", "TIMEOUT=1", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
		"dripping": {"less than 100 KiB in 1s (DEBUGINFOD_TIMEOUT)", "TIMEOUT=1", func(w http.ResponseWriter, _ *http.Request) { flood(w, 10*time.Millisecond, 1) }},
		"too long": {"took longer than 2s (DEBUGINFOD_MAXTIME)", "MAXTIME=2", func(w http.ResponseWriter, _ *http.Request) { flood(w, 10*time.Millisecond, 4<<10) }},
		"redirects for ever": {"more than 5 redirects", "", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, fmt.Sprintf("/elsewhere/%d", time.Now().UnixNano()), http.StatusFound)
		}},
		"redirects to a file": {"unsupported protocol", "", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDebuginfod(t, c.handle)
			if name, value, ok := strings.Cut(c.env, "="); ok {
				t.Setenv("DEBUGINFOD_"+name, value)
			}
			start := time.Now()
			if miss := d.missing(t, c.why); strings.Contains(miss.Rejected[0], "\x1b") {
				t.Errorf("a server writes on the user's terminal: %q", miss.Rejected)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
			d.tidy(t)
			asked := d.asked.Load()
			if strings.HasPrefix(name, "silent") || strings.HasPrefix(name, "dripping") { // such a server is not asked again
				d.missing(t, "not asked again: sent less than 100 KiB")
				d.wantAsked(t, asked)
			}
		})
	}
}

func endless(c net.Conn, head, more string) {
	_, err := fmt.Fprint(c, head)
	for err == nil {
		_, err = fmt.Fprint(c, more)
	}
}

// withoutTail gives an ELF file whose table of sections is there, but not all that it describes.
func withoutTail(elf []byte) []byte {
	out := append([]byte(nil), elf...)
	// sh_offset of section 1, far behind the end.
	shoff := int(uint64(out[40]) | uint64(out[41])<<8 | uint64(out[42])<<16)
	out[shoff+64+24+3] = 0x7f
	return out
}

// A redirect to where the file is, which is what caches in front of servers do.
func TestDebuginfodRedirect(t *testing.T) {
	var d *debuginfodTest
	d = newDebuginfod(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/elsewhere") {
			http.Redirect(w, r, "/elsewhere/file", http.StatusFound)
			return
		}
		_, _ = w.Write(d.dbg)
	})
	d.found(t)
}

// What another user could have put into the cache is not used.
func TestDebuginfodUntrustedCache(t *testing.T) {
	const other = 65534
	own := func(path string) func(*testing.T, *debuginfodTest) {
		return func(t *testing.T, d *debuginfodTest) {
			if os.Geteuid() != 0 {
				t.Skip("needs root")
			}
			if err := os.Chown(filepath.Join(d.cache, strings.ReplaceAll(path, "ID", d.file.BuildID())), other, other); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		spoil func(*testing.T, *debuginfodTest)
		why   string // "" where the file is replaced
	}{
		"another's cache":     {own("."), "belongs to another user"},
		"another's directory": {own("ID"), "belongs to another user"},
		"another's file":      {own("ID/debuginfo"), ""},
		"directory for all": {func(t *testing.T, d *debuginfodTest) {
			if err := os.Chmod(filepath.Dir(d.path()), 0o777); err != nil {
				t.Fatal(err)
			}
		}, "other users may write to it (mode 0777)"},
		"file for all": {func(t *testing.T, d *debuginfodTest) {
			if err := os.Chmod(d.path(), 0o622); err != nil {
				t.Fatal(err)
			}
		}, ""},
		"link out of the cache": {func(t *testing.T, d *debuginfodTest) {
			if err := os.Rename(filepath.Dir(d.path()), d.cache+"-elsewhere"); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(d.cache+"-elsewhere", filepath.Dir(d.path())); err != nil {
				t.Fatal(err)
			}
		}, "escapes"},
		"FIFO": {func(t *testing.T, d *debuginfodTest) {
			if err := errors.Join(os.Remove(d.path()), syscall.Mkfifo(d.path(), 0o600)); err != nil {
				t.Fatal(err)
			}
		}, ""},
		"other build": {func(t *testing.T, d *debuginfodTest) { copyFile(t, "testdata/tiny4.so", d.path()) }, ""},
		"damaged":     {func(t *testing.T, d *debuginfodTest) { _ = os.Truncate(d.path(), 3000) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDebuginfod(t, nil)
			d.found(t)
			c.spoil(t, d)
			if c.why != "" {
				d.missing(t, c.why)
				d.wantAsked(t, 1)
				if _, err := os.Lstat(filepath.Dir(d.path())); err != nil {
					t.Errorf("what was not trusted is gone: %v", err)
				}
				return
			}
			d.found(t)
			d.wantAsked(t, 2)
		})
	}
	t.Run("disk", func(t *testing.T) {
		d := newDebuginfod(t, nil)
		if err := os.WriteFile(d.cache, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		d.missing(t, "not a directory")
		d.wantAsked(t, 0)
	})
}
