package refuse

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pyfreeze/pyheap"
	"pyfreeze/restore/internal/target"
	"pyfreeze/restore/snapshot"
)

// Every descriptor of a process has a kind that can be allowed: else a refusal would offer what
// --allow does not take.
func FuzzDescriptorKind(f *testing.F) {
	for _, s := range []string{"socket:[1]", "pipe:[7]", "anon_inode:[eventpoll]", "anon_inode:x",
		"/dev/pts/3", "/dev/tty", "/dev/ttyS0", "/memfd:a (deleted)", "/home/socket:[1]", "", "net:[1]",
		"anon_inode:inotify", "anon_inode:[signalfd]", "anon_inode:[timerfd]", "/dev/ptmx", "mnt:[4]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, link string) {
		kind := DescriptorKind(link)
		if CheckAllow([]string{kind}) != nil {
			t.Errorf("%q is of kind %q, which cannot be allowed", link, kind)
		}
		path := kind == "file" || kind == "pty" || kind == "memfd"
		if path != strings.HasPrefix(link, "/") {
			t.Errorf("%q is of kind %q", link, kind)
		}
	})
}

// The kernel's own names of what this process opens.
func TestDescriptorKindOfReal(t *testing.T) {
	p := target.Talk(t, target.Debian, before+`
import ctypes, select, socket, signal, pty
libc = ctypes.CDLL(None)
mask = ctypes.create_string_buffer(128)
kinds = dict(socket=socket.socket().detach(), pipe=os.pipe()[0], epoll=libc.epoll_create1(0),
    pty=pty.openpty()[0], memfd=os.memfd_create('x'), eventfd=libc.eventfd(0, 0),
    inotify=libc.inotify_init(), signalfd=libc.signalfd(-1, mask, 0),
    timerfd=libc.timerfd_create(1, 0), file=os.open('/', 0), descriptor=os.pidfd_open(os.getpid()))
print('ready', flush=True)
for line in sys.stdin:
    print(os.readlink('/proc/self/fd/%d' % kinds[line.strip()]), flush=True)`)
	for _, kind := range strings.Fields(
		"socket pipe epoll pty memfd eventfd inotify signalfd timerfd file descriptor") {
		if link := p.Ask(kind); DescriptorKind(link) != kind {
			t.Errorf("%s is of kind %s, want %s", link, DescriptorKind(link), kind)
		}
	}
}

// What --allow does not take is named, with what it takes.
func TestCheckAllow(t *testing.T) {
	if err := CheckAllow(slices.Clone(allowable)); err != nil {
		t.Error(err)
	}
	for _, kinds := range [][]string{{"locks"}, {"lock", ""}, {"lock", "socket,pipe"}, {"Lock"}} {
		err := CheckAllow(kinds)
		bad := kinds[len(kinds)-1]
		if err == nil || !strings.HasPrefix(err.Error(), `"`+bad+`" cannot be allowed`) ||
			!strings.HasSuffix(err.Error(), strings.Join(allowable, ", ")) {
			t.Errorf("%q: %v", kinds, err)
		}
	}
}

// One reason is a line; several are a list of all of them. Nothing that is allowed is in it.
func TestError(t *testing.T) {
	list := []Offender{
		{"lock", "m.l", "a lock", "release it"}, {"", "", "a thing", "mend it"},
		{"", "x", "a name", ""},
	}
	for i, want := range []string{"m.l holds a lock (release it, or --allow lock)",
		"a thing (mend it)", "x holds a name"} {
		err := &Error{list[i : i+1]}
		if got := err.Error(); got != "cannot freeze: "+want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if left := Allowed(slices.Clone(list), []string{"lock", ""}); len(left) != 2 {
		t.Errorf("with --allow lock there are %v", left)
	}
	left := Allowed(slices.Clone(list), []string{"pipe", ""}) // "" allows nothing
	want := "cannot freeze, for 3 reasons:\n  m.l holds a lock (release it, or --allow lock)\n" +
		"  a thing (mend it)\n  x holds a name"
	if got := (&Error{left}).Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A process with a second interpreter is refused before anything else is looked at; one that
// has ended it is not.
func TestInterpreters(t *testing.T) {
	for then, want := range map[string]string{
		"": "cannot freeze: more than one interpreter " +
			"(only a process with one can be frozen)",
		"_xxsubinterpreters.destroy(i)": "<nil>",
	} {
		p := target.Talk(t, target.Debian,
			before+"import _xxsubinterpreters\ni = _xxsubinterpreters.create()\n"+then+behind)
		tg, c := captured(t, p)
		h, err := pyheap.Open(c.Space, c.Interp, c.Layout)
		if err != nil {
			t.Fatal(err)
		}
		_, err = NewTarget(h, nil, c.Space, c.Layout, c.Interp.Bias)
		var refused *Error
		if err != nil && !errors.As(err, &refused) {
			t.Fatal(err)
		}
		if got := fmt.Sprint(err); got != want {
			t.Errorf("%q: got %q, want %q", then, got, want)
		}
		h.Close()
		_ = c.Space.Close()
		tg.Close()
	}
}

// A process that another tracer has is refused by the tracer's name, and not when it lets go.
func TestOtherTracer(t *testing.T) {
	p := target.Talk(t, target.Debian, before+behind)
	other := target.Talk(t, target.Debian, `
import ctypes, sys
ptrace = ctypes.CDLL(None).ptrace
ptrace.argtypes = [ctypes.c_long] * 4
print('ready', flush=True)
for line in sys.stdin:
    print(ptrace(*map(int, line.split())), flush=True)`)
	const seize, detach, interrupt = "16902 ", "17 ", "16903 "
	ask := func(request string) {
		t.Helper()
		if got := other.Ask(request + strconv.Itoa(p.PID()) + " 0 0"); got != "0" {
			t.Fatalf("ptrace %s gave %s", request, got)
		}
	}
	ask(seize)
	tg, err := snapshot.Open(context.Background(), p.PID(), nil)
	if err == nil {
		_, err = tg.Attach(context.Background(), time.Second)
		tg.Close()
	}
	if err == nil || !strings.Contains(err.Error(), strconv.Itoa(other.PID())) ||
		!strings.Contains(err.Error(), "traced") {
		t.Errorf("with another tracer: %v", err)
	}
	ask(interrupt)
	target.Await(t, "a stop", func() bool {
		b, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.PID()), "stat"))
		return strings.Contains(string(b), ") t ")
	})
	ask(detach)
	if said := copyOf(t, p).refused(again); len(said) > 0 {
		t.Errorf("without it it is refused for %q", said)
	}
}
