package captured

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"pyfreeze/restore/guard"

	"pyfreeze/pyheap"
)

// minFact is the length of the shortest value that is looked for: shorter ones ("1", "C", "vi") are
// everywhere.
const minFact = 4

// minPID is the smallest process or user id that is looked for: small ints are everywhere.
const minPID = 257

// Facts is what a process was started with.
type Facts struct {
	argv  []string          // sys.argv
	texts map[string]string // value to its name, or names
	ints  map[int64]string
	dirs  []dirFact
	code  []string // directories of code: paths below them say where a module is, not how it was started
	env   map[string]string
	keys  map[string]string // steps of paths that must not be shown, see redact
}

type dirFact struct{ what, path string }

// ignoredVars describe the shell that started the process, or what starts a thaw in the same way.
var ignoredVars = map[string]bool{"_": true, "SHLVL": true, "OLDPWD": true}

// ReadFacts asks /proc, the heap and the system's tables. What cannot be found out is left out.
func ReadFacts(pid int, cwd string, cl guard.Cmdline, environ []string, h *pyheap.Heap) *Facts {
	f := &Facts{argv: append(append([]string{}, cl.What...), cl.Args...), texts: map[string]string{},
		ints: map[int64]string{}, env: map[string]string{}, keys: map[string]string{}}
	if cl.What[0] == "-c" || cl.What[0] == "-m" {
		f.argv = append([]string{cl.What[0]}, cl.Args...)
	}
	for i, a := range f.argv {
		f.text(fmt.Sprintf("argv[%d]", i), a)
	}
	if s := cl.Script(); s != "" && !filepath.IsAbs(s) {
		f.text("argv[0]", filepath.Join(cwd, s))
	}
	f.text("cwd", cwd)
	f.environment(environ, h)
	f.host(pid)
	f.user(pid)
	for fd := range 3 {
		if link, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd)); err == nil &&
			(strings.HasPrefix(link, "/dev/pts/") || strings.HasPrefix(link, "/dev/tty")) {
			f.text("tty", link)
		}
	}
	f.number("pid", int64(pid))
	if v, err := statusNumber(pid, "PPid"); err == nil {
		f.number("parent's pid", v)
	}
	for _, d := range []dirFact{{"HOME", f.env["HOME"]}, {"TMPDIR", f.env["TMPDIR"]}, {"cwd", cwd}} {
		if len(d.path) > minFact && filepath.IsAbs(d.path) {
			f.dirs = append(f.dirs, dirFact{d.what, strings.TrimSuffix(asText(d.path), "/")})
		}
	}
	// A path is told of the deepest of those that it is below.
	slices.SortStableFunc(f.dirs, func(a, b dirFact) int { return len(b.path) - len(a.path) })
	f.codeDirs(h)
	return f
}

// text notes a value, under all its names.
func (f *Facts) text(what, value string) {
	if value = asText(value); len(value) < minFact || len(value) > maxCapturedText {
		return
	}
	old := f.texts[value]
	switch {
	case old == "":
		f.texts[value] = what
	case !strings.Contains(", "+old+", ", ", "+what+", "):
		f.texts[value] = old + ", " + what
	}
}

func (f *Facts) number(what string, v int64) {
	if v >= minPID && f.ints[v] == "" {
		f.ints[v] = what
	}
}

// environment notes the variables as the kernel passed them on, and as os.environ has them now.
func (f *Facts) environment(environ []string, h *pyheap.Heap) {
	note := func(name, value string) {
		if !ignoredVars[name] {
			f.text(name, value)
			f.env[name] = value
		}
	}
	for _, e := range environ {
		if name, value, ok := strings.Cut(e, "="); ok {
			note(name, value)
		}
	}
	d, err := h.Lookup("posix.environ")
	if err != nil {
		return
	}
	items, err := h.DictItems(d, 1<<12)
	if err != nil {
		return
	}
	for _, it := range items {
		name, err := h.Bytes(it.Key)
		value, err2 := h.Bytes(it.Value)
		if err == nil && err2 == nil {
			note(string(name), string(value))
		}
	}
}

// codeDirs finds out where modules and the interpreter come from.
func (f *Facts) codeDirs(h *pyheap.Heap) {
	for _, name := range []string{"sys.prefix", "sys.base_prefix"} {
		if a, err := h.Lookup(name); err == nil {
			if s, err := h.Str(a); err == nil && filepath.IsAbs(s) && s != "/" {
				f.code = append(f.code, s)
				if f.texts[s] == "VIRTUAL_ENV" || f.texts[s] == "CONDA_PREFIX" {
					delete(f.texts, s) // the interpreter knows it by itself
				}
			}
		}
	}
	p, err := h.Lookup("sys.path")
	if err != nil {
		return
	}
	items, err := h.ListItems(p, 1<<10)
	if err != nil {
		return
	}
	for _, a := range items {
		if s, err := h.Str(a); err == nil && filepath.IsAbs(s) && s != f.env["HOME"] { // of a script there, not all is code
			f.code = append(f.code, s)
		}
	}
}

// isCode says whether a path is that of a module, or of a directory of modules.
func (f *Facts) isCode(path string) bool {
	switch filepath.Ext(path) {
	case ".py", ".pyc", ".so":
		return true
	}
	for _, d := range f.code {
		if path == d || strings.HasPrefix(path, d+"/") {
			return true
		}
	}
	return false
}

// asText is how the heap shows what the kernel has as bytes: os.fsdecode makes a lone surrogate of each byte
// that is not UTF-8, and pyheap shows those as U+FFFD.
func asText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}

// secret notes how a path shows a key that is a value of the launch.
func (f *Facts) secret(key, what string) { f.keys["["+key+"]"] = "['<" + what + ">']" }

// redact replaces such keys in a path.
func (f *Facts) redact(path string) string {
	for key, what := range f.keys {
		path = strings.ReplaceAll(path, key, what)
	}
	return path
}
