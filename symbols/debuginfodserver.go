package symbols

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"
)

// maxFailures is how often a server may fail in a run before it is not asked any more.
const maxFailures = 3

// debuginfodServer is a server and what was seen of it in this run.
type debuginfodServer struct {
	base string // its URL, without a slash at the end

	mu       sync.Mutex
	gone     error // why it is not asked any more, nil while it is
	failures int
	spent    time.Duration // on optional files
	vain     time.Duration // on optional files that did not come
}

var knownServers = struct {
	sync.Mutex
	m map[string]*debuginfodServer
}{m: map[string]*debuginfodServer{}}

func serverOf(base string) *debuginfodServer {
	knownServers.Lock()
	defer knownServers.Unlock()
	s := knownServers.m[base]
	if s == nil {
		s = &debuginfodServer{base: base}
		knownServers.m[base] = s
	}
	return s
}

// address is where the server has a debug file, fit for messages: without password.
func (s *debuginfodServer) address(id string) string {
	u, err := url.Parse(s.base)
	if err != nil {
		return "a server in " + DebuginfodURLsEnv
	}
	return u.Redacted() + debugFilePath(id)
}

func debugFilePath(id string) string { return "/buildid/" + id + "/debuginfo" }

// giveUp has the server not asked any more in this run.
func (s *debuginfodServer) giveUp(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone == nil {
		s.gone = why
	}
}

// allow says how long the server may take, or why it is not asked.
func (s *debuginfodServer) allow(optional bool) (fetchLimits, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := limitsOf(optional)
	switch {
	case s.gone != nil:
		return l, s.gone
	case optional && s.vain >= optionalVain:
		return l, fmt.Errorf("not asked: it took %v to say that it lacks other files", s.vain.Round(time.Second))
	case optional && s.spent >= optionalTotal:
		return l, fmt.Errorf("not asked: other files took %v", s.spent.Round(time.Second))
	}
	if optional {
		l.total = min(l.total, optionalTotal-s.spent)
	}
	return l, nil
}

// note keeps what an answer tells of the server.
func (s *debuginfodServer) note(err error, took time.Duration, optional bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if optional {
		s.spent += took
		if err != nil {
			s.vain += took
		}
	}
	var size *sizeError
	var local *cacheError
	switch {
	case err == nil, errors.Is(err, errNotThere), errors.As(err, &size), errors.As(err, &local):
		return
	}
	if s.failures++; s.gone == nil && (s.failures >= maxFailures || isUnreachable(err)) {
		s.gone = fmt.Errorf("not asked again: %w", err)
	}
}

// ask fetches the debug file of f into the cache and opens it. It fails with errNotThere when
// the server does not have it.
func (s *debuginfodServer) ask(ctx context.Context, c *debugCache, f *File, optional bool) (_ *File, err error) {
	lim, err := s.allow(optional)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	defer func() {
		if ctx.Err() == nil {
			s.note(err, time.Since(start), optional)
		}
	}()
	host := ""
	if u, err := url.Parse(s.base); err == nil {
		host = u.Host
	}
	tmp := &newDebugFile{cache: c}
	defer tmp.discard()
	if err := download(ctx, s.base+debugFilePath(f.buildID), lim, tmp, progressOf(ctx, fetchStep(f, host))); err != nil {
		return nil, err
	}
	return tmp.keep(f)
}
