package snapshot

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"pyfreeze/restore/prefix"
	"pyfreeze/tracer"
)

// asksDirectory says whether the program asks for its working directory, but for what a thaw asks
// anew: or has modules looked for by a path that begins there.
func (o *observer) asksDirectory(call *tracer.Call) bool {
	if o.library == "" {
		return false
	}
	if call.Nr != unix.SYS_GETCWD {
		return o.importsHere(call)
	}
	asker, _ := o.who()
	return asker != "" && !imports(asker) && !prefix.Again(call, asker)
}

// importsHere says whether modules are looked for by a relative path, which the program has put on
// sys.path, and at which there is something. Its own may lie there.
func (o *observer) importsHere(call *tracer.Call) bool {
	if o.liesHere() || !o.proc.FindsHere(call) {
		return false
	}
	_, file, ok := o.newest()
	return ok && imports(file)
}

// liesHere says whether the program itself lies in its working directory.
func (o *observer) liesHere() bool { return strings.HasPrefix(o.own, o.here()) }

// here returns the working directory that the program was started in, with a slash behind.
func (o *observer) here() string { return strings.TrimSuffix(o.c.start.Cwd, "/") + "/" }

// mayAsk says whether the line at work may ask for the working directory.
func (o *observer) mayAsk() bool {
	_, who := o.who()
	return slices.Contains(o.c.may, who)
}

// looksHere returns what the program is about to look at in its working directory, such as a
// project's configuration: what it finds is of the place where it runs. "" for none. Its own files
// may lie there: it does not look for these by the working directory.
func (o *observer) looksHere(call *tracer.Call) string {
	given, path := o.proc.Looks(call)
	if given == "" || o.library == "" || o.liesHere() || !strings.HasPrefix(path, o.here()) ||
		given[0] == '/' && !o.asked || prefix.NoFile(given) {
		return ""
	}
	if _, file, ok := o.newest(); !ok || imports(file) {
		return ""
	}
	return given
}
