package symbols

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// DebuginfodURLsEnv names the environment variable with the debuginfod servers that FindDebug
// asks for what is not on disk, separated by spaces, as gdb and elfutils read it.
const DebuginfodURLsEnv = "DEBUGINFOD_URLS"

// DebuginfodError says why a debuginfod server, or the cache of what servers sent, was of no
// use. A server that merely lacks a file is no error.
type DebuginfodError struct {
	Where string // the URL that was asked, without its password, or the path of the cache
	Err   error
}

func (e *DebuginfodError) Error() string { return e.Where + ": " + e.Err.Error() }

// Unwrap returns the underlying error.
func (e *DebuginfodError) Unwrap() error { return e.Err }

type progressKey struct{}

// WithProgress has downloads of debug information told to report, with the bytes that came
// so far and those to come, 0 when not known.
func WithProgress(ctx context.Context, report func(step string, done, total uint64)) context.Context {
	return context.WithValue(ctx, progressKey{}, report)
}

// progressOf gives the function of WithProgress, for one step.
func progressOf(ctx context.Context, step string) func(done, total uint64) {
	report, _ := ctx.Value(progressKey{}).(func(step string, done, total uint64))
	if report == nil {
		return func(done, total uint64) {}
	}
	return func(done, total uint64) { report(step, done, total) }
}

// fromDebuginfod opens the debug file of f that the cache or a server has. Else the error is
// miss, with what was tried, or that of ctx.
func fromDebuginfod(ctx context.Context, f *File, optional bool, miss *MissingDebugError) (*File, error) {
	servers := debuginfodServers()
	if len(servers) == 0 || f.buildID == "" {
		return nil, miss
	}
	if !optional {
		_, err := LoadShippedLayout(f)
		optional = err == nil
	}
	fail := func(where string, err error) {
		e, ok := errors.AsType[*DebuginfodError](err)
		if !ok {
			e = &DebuginfodError{where, err}
		}
		miss.Servers = append(miss.Servers, e)
		miss.Rejected = append(miss.Rejected, e.Error())
	}
	c, err := openDebugCache(f.buildID)
	if err != nil {
		fail(c.dir, err)
		return nil, miss
	}
	defer c.close()
	miss.Searched = append(miss.Searched, c.path())
	d, err := c.find(f)
	if d != nil {
		return d, nil
	}
	if err != nil {
		fail(c.path(), err)
		if _, known := errors.AsType[*rememberedError](err); known {
			return nil, miss
		}
	}
	lacking := 0
	for _, s := range servers {
		miss.Searched = append(miss.Searched, s.address(f.buildID))
		d, err := s.ask(ctx, c, f, optional)
		switch {
		case err == nil:
			return d, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, errNotThere):
			lacking++
		default:
			fail(s.address(f.buildID), err)
			if _, full := errors.AsType[*cacheError](err); full {
				return nil, miss // the next server's file would fare no better
			}
		}
	}
	if lacking == len(servers) {
		c.rememberNone()
	}
	return nil, miss
}

// debuginfodServers lists the servers of $DEBUGINFOD_URLS, in order.
func debuginfodServers() (out []*debuginfodServer) {
	policy := ""
	for _, word := range strings.Fields(os.Getenv(DebuginfodURLsEnv)) {
		if strings.HasPrefix(word, "ima:") { // elfutils: how to check signatures of what the servers after it send
			policy = word
			continue
		}
		s := serverOf(strings.TrimRight(word, "/"))
		u, err := url.Parse(word)
		switch {
		case err != nil:
			s.giveUp(errors.New("not a URL")) // the parser's error repeats it, with its password
		case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
			s.giveUp(errors.New("not a URL of http or https"))
		case policy == "ima:enforcing":
			s.giveUp(errors.New("ima:enforcing asks for signatures to be checked, which pyfreeze cannot"))
		}
		out = append(out, s)
	}
	return out
}

// fetchLimits bound one download.
type fetchLimits struct {
	stall time.Duration // without progressBytes more; 0 is no limit
	total time.Duration
	size  int64
}

// What a download may take when the environment says nothing. What is optional must not make a
// freeze slow.
const (
	defaultStall  = 90 * time.Second // elfutils' default
	maxDownload   = 30 * time.Minute
	maxDebugFile  = 1 << 30
	optionalStall = 10 * time.Second
	optionalTotal = 2 * time.Minute // for all files of a run
	optionalVain  = 10 * time.Second
	optionalFile  = 256 << 20
)

// limitsOf reads the variables that elfutils has.
func limitsOf(optional bool) fetchLimits {
	l := fetchLimits{stall: defaultStall, total: maxDownload, size: maxDebugFile}
	if optional {
		l = fetchLimits{stall: optionalStall, total: optionalTotal, size: optionalFile}
	}
	if d, ok := envSeconds("DEBUGINFOD_TIMEOUT"); ok && (!optional || d > 0 && d < l.stall) {
		l.stall = max(d, 0)
	}
	if d, ok := envSeconds("DEBUGINFOD_MAXTIME"); ok && d > 0 && (!optional || d < l.total) {
		l.total = d
	}
	if n, ok := envNumber("DEBUGINFOD_MAXSIZE"); ok && n > 0 {
		l.size = n
	}
	return l
}

func envNumber(name string) (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(os.Getenv(name)), 10, 64)
	return n, err == nil
}

func envSeconds(name string) (time.Duration, bool) {
	n, ok := envNumber(name)
	return time.Duration(min(n, 1<<32)) * time.Second, ok // more would overflow
}

func fetchStep(f *File, host string) string {
	return fmt.Sprintf("fetching debug information of %s from %s", filepath.Base(f.Path), host)
}
