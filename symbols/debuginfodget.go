package symbols

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// progressBytes must come within the time without progress: who sends a byte a minute makes none.
// The number is that of DEBUGINFOD_TIMEOUT's documentation.
const progressBytes = 100 << 10

// errNotThere says that a server does not have the file.
var errNotThere = errors.New("not there")

// sizeError says that a file is larger than may be.
type sizeError struct{ limit int64 }

func (e *sizeError) Error() string {
	return fmt.Sprintf("larger than %d bytes; DEBUGINFOD_MAXSIZE sets another limit", e.limit)
}

// unreachableError says that no answer came in time: the next question would not fare better.
type unreachableError struct{ err error }

func (e *unreachableError) Error() string { return e.err.Error() }
func (e *unreachableError) Unwrap() error { return e.err }

func isUnreachable(err error) bool {
	_, ok := errors.AsType[*unreachableError](err)
	return ok
}

// debuginfodClient is shared, so that many questions go over one connection.
var debuginfodClient = sync.OnceValue(func() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			ForceAttemptHTTP2:      true,
			MaxResponseHeaderBytes: 64 << 10,
			IdleConnTimeout:        30 * time.Second,
		},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			switch {
			case len(via) > 5:
				return errors.New("more than 5 redirects")
			case via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https":
				return errors.New("redirects from https to " + req.URL.Scheme)
			}
			return nil
		},
	}
})

// download asks for a URL and writes what comes to w.
func download(ctx context.Context, address string, lim fetchLimits, w io.Writer, report func(done, total uint64)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	outer := time.AfterFunc(lim.total, func() {
		cancel(fmt.Errorf("took longer than %v (DEBUGINFOD_MAXTIME)", lim.total))
	})
	defer outer.Stop()
	progress := func() {}
	if lim.stall > 0 {
		t := time.AfterFunc(lim.stall, func() {
			cancel(&unreachableError{fmt.Errorf("sent less than %d KiB in %v (DEBUGINFOD_TIMEOUT)", progressBytes>>10, lim.stall)})
		})
		defer t.Stop()
		progress = func() { t.Reset(lim.stall) }
	}
	err := transfer(ctx, address, lim, w, progress, report)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx) // the error is only what the end of ctx looks like from below
	}
	return err
}

func transfer(ctx context.Context, address string, lim fetchLimits, w io.Writer, progress func(), report func(done, total uint64)) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return &unreachableError{errors.New("not a URL that can be asked")}
	}
	req.Header.Set("User-Agent", "pyfreeze")
	req.Header.Set("X-Debuginfod-Maxsize", strconv.FormatInt(lim.size, 10))
	resp, err := debuginfodClient().Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // it names the URL, with the password
		}
		if err == io.EOF {
			err = errors.New("closed the connection without an answer")
		}
		return &unreachableError{err}
	}
	defer func() { _ = resp.Body.Close() }() // only read
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		_, _ = io.CopyN(io.Discard, resp.Body, 16<<10) // so that the connection can be used again
		return errNotThere
	case http.StatusNotAcceptable:
		return &sizeError{lim.size}
	default:
		return fmt.Errorf("answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	// Of the file, whatever the transport did to it.
	want, err := strconv.ParseInt(resp.Header.Get("X-Debuginfod-Size"), 10, 64)
	if err != nil || want < 0 {
		want = resp.ContentLength // -1 when not known
	}
	if want > lim.size {
		return &sizeError{lim.size}
	}
	n, err := copyBody(w, resp.Body, lim.size, progress, func(n int64) { report(uint64(n), uint64(max(want, 0))) })
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("broke off after %d bytes", n)
	case err != nil:
		return err
	case want >= 0 && n != want:
		return fmt.Errorf("sent %d bytes of a file of %d", n, want)
	}
	return nil
}

// copyBody copies up to limit bytes, and calls progress whenever enough has come.
func copyBody(w io.Writer, r io.Reader, limit int64, progress func(), report func(n int64)) (n int64, err error) {
	buf := make([]byte, 64<<10)
	mark := int64(0)
	report(0)
	for {
		k, rerr := r.Read(buf)
		if n+int64(k) > limit {
			return n, &sizeError{limit}
		}
		if k > 0 {
			if _, err := w.Write(buf[:k]); err != nil {
				return n, err
			}
			n += int64(k)
			report(n)
		}
		if n-mark >= progressBytes {
			mark = n
			progress()
		}
		switch {
		case rerr == io.EOF:
			return n, nil
		case rerr != nil:
			return n, rerr
		}
	}
}
