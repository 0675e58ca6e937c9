package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// server is what network programs talk to, on the loopback interface: it echoes requests and has a page with a video.
type server struct {
	addr string
	http *http.Server

	mu    sync.Mutex
	asked []string
}

func newServer() (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{addr: l.Addr().String()}
	s.http = &http.Server{Handler: s}
	go func() { _ = s.http.Serve(l) }() // it ends when it is closed
	s.reset()
	return s, nil
}

func (s *server) close() { _ = s.http.Close() }

// reset forgets what was asked.
func (s *server) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = nil
}

// seen tells all requests since the last reset. Programs with threads ask in any order.
func (s *server) seen() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(slices.Sorted(slices.Values(s.asked)), "\n")
}

// ServeHTTP answers one request.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return // the client has gone
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, fmt.Sprintf("%s %s %s %q", r.Method, r.URL, r.Header.Get("User-Agent"), body))
	w.Header().Set("Date", "Thu, 01 Jan 2026 00:00:00 GMT")
	switch {
	case r.URL.Path == "/video.html":
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<html><head><title>A video</title></head><body><video src="/video.mp4"></video></body></html>`)
	case r.URL.Path == "/video.mp4":
		w.Header().Set("Content-Type", "video/mp4")
		_, _ = w.Write(slices.Repeat([]byte("not really a video "), 1000))
	case r.URL.Path == "/redirect":
		http.Redirect(w, r, "/get", http.StatusFound)
	case strings.HasPrefix(r.URL.Path, "/missing"):
		http.Error(w, "nothing here", http.StatusNotFound)
	default:
		w.Header().Set("Content-Type", "application/json")
		user, password, _ := r.BasicAuth()
		_ = json.NewEncoder(w).Encode(map[string]any{"method": r.Method, "url": r.URL.String(), "body": string(body), "user": user, "password": password,
			"x": r.Header.Get("X-Header")})
	}
}
