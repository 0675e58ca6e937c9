package main

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// server is what network programs talk to, on the loopback interface: it echoes requests, has a page with a video, and, below /s3/, is a
// small S3 that wants requests signed.
type server struct {
	addr string
	http *http.Server

	mu      sync.Mutex
	asked   []string
	objects map[string][]byte
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

// reset forgets what was asked and stored.
func (s *server) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked, s.objects = nil, map[string][]byte{"/s3/bucket/first.txt": []byte("the first object\n")}
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
	case strings.HasPrefix(r.URL.Path, "/s3/"):
		s.s3(w, r, body)
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

// s3 answers requests for objects of buckets, as PUT, GET, HEAD, DELETE and the list of a bucket.
func (s *server) s3(w http.ResponseWriter, r *http.Request, body []byte) {
	if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=KEY/") {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>`)
		return
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/s3/"), "/")
	path := "/s3/" + bucket + "/" + key
	switch {
	case r.Method == http.MethodPut:
		s.objects[path] = body
		w.Header().Set("ETag", etag(body))
	case r.Method == http.MethodDelete:
		delete(s.objects, path)
		w.WriteHeader(http.StatusNoContent)
	case key == "":
		w.Header().Set("Content-Type", "application/xml")
		type content struct {
			Key, LastModified, ETag, StorageClass string
			Size                                  int
		}
		out := struct {
			XMLName     xml.Name `xml:"ListBucketResult"`
			Name        string
			IsTruncated bool
			Contents    []content
		}{Name: bucket}
		for _, k := range slices.Sorted(maps.Keys(s.objects)) {
			if name, ok := strings.CutPrefix(k, "/s3/"+bucket+"/"); ok {
				out.Contents = append(out.Contents, content{name, "2026-01-01T00:00:00.000Z", etag(s.objects[k]), "STANDARD", len(s.objects[k])})
			}
		}
		_ = xml.NewEncoder(w).Encode(out)
	default:
		o, ok := s.objects[path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("ETag", etag(o))
		w.Header().Set("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
		w.Header().Set("Content-Length", fmt.Sprint(len(o)))
		if r.Method != http.MethodHead {
			_, _ = w.Write(o)
		}
	}
}

func etag(b []byte) string {
	sum := md5.Sum(b)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}
