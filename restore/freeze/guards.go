package freeze

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pyfreeze/pyheap"
	"pyfreeze/restore/captured"
	"pyfreeze/restore/guard"
	"pyfreeze/restore/libs"
)

// makeGuards notes everything that a later thaw depends on.
func (f *freezing) makeGuards(context.Context) error {
	names := slices.Concat(captured.Variables(f.found, f.start.Environ),
		captured.Names(f.envSet), f.recipe.Guards, f.variablesRead(), f.variablesOfWrapper(), f.variablesOfLibraries())
	g := &guard.Guards{Exe: f.copy.Interp.Exe, Argv0: f.plain.Interp, Script: f.script(),
		Plain: f.plainly, CPU: guard.CPU(), UTF8Mode: guard.UTF8Mode(f.start.Environ),
		Names: names, Env: guard.Variables(f.start.Environ, names)}
	if f.embedded() { // none of its words is a script
		g.Argv0, g.Script = f.start.Argv[:1], nil
	} else if s := f.cmd.Script(); s != "" && s != f.plain.Script() {
		g.Dir, g.Given = f.start.Cwd, s
	}
	if s := f.plain.Script(); s != "" && f.start.Comm == kernelName(s) {
		g.Comm = f.start.Comm // started through #!
	}
	exe, loader, err := libs.Interpreter(f.libs)
	if err != nil {
		return err
	}
	if g.Gate, err = libs.Gate(loader.File); err != nil {
		return err
	}
	if err := f.addLibraries(g, exe, loader); err != nil {
		return err
	}
	if err := f.addSources(g); err != nil {
		return err
	}
	if f.python != "" && f.python != g.Exe { // a link to the interpreter
		id, err := guard.Stat(f.python)
		if err != nil {
			return err
		}
		g.Files = append(g.Files, guard.Source(f.python, id))
	}
	g.Files = append(g.Files, homeFiles(f.python)...)
	for i := range f.fds.Made {
		if m := &f.fds.Made[i]; m.Same {
			id, err := guard.Stat(m.D.Target)
			if err != nil {
				return err
			}
			g.Files = append(g.Files, guard.Source(m.D.Target, id))
		}
	}
	f.addReads(g)
	if f.o.Reads == nil {
		f.addFilesOfLibraries(g)
	}
	if f.o.Again && f.o.Reads == nil {
		if err := f.addKept(g); err != nil {
			return err
		}
	}
	g.Strict = f.o.Strict
	guard.Sums(g.Files, f.o.Strict)
	f.guards = g
	return nil
}

// addLibraries adds the interpreter, its loader, libraries.
func (f *freezing) addLibraries(g *guard.Guards, exe, loader *libs.Library) error {
	for _, l := range append([]*libs.Library{exe, loader}, f.libs...) {
		if len(g.Files) >= 2 && (l == exe || l == loader) {
			continue
		}
		id, err := guard.Stat(l.File.Path)
		if err != nil {
			return err
		}
		build := l.File.BuildID()
		if build == "" {
			build = "none"
		}
		g.Files = append(g.Files, guard.File{Path: l.File.Path, Size: id.Size, MtimeNs: id.MtimeNs, Ino: id.Ino, BuildID: build})
	}
	return nil
}

// addSources adds the files of modules that are written in Python. One that has changed since the process started may not be what it
// has imported.
func (f *freezing) addSources(g *guard.Guards) error {
	mods, err := f.heap.Modules()
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	paths := []string{f.plain.Script()}
	for _, m := range mods {
		paths = append(paths, m.File)
		if path := f.cached(m); path != "" {
			paths = append(paths, path)
		}
	}
	for _, path := range paths {
		// A module without a source is its byte code.
		if !strings.HasSuffix(path, ".py") && !strings.HasSuffix(path, ".pyc") && path != f.plain.Script() || seen[path] || !filepath.IsAbs(path) {
			continue
		}
		seen[path] = true
		id, ok := f.asRead(path)
		if ours := strings.HasSuffix(path, ".pyc") && f.o.Strict; ours {
			var err error // the program may have written it itself
			id, err = guard.Stat(path)
			ok = err == nil
		}
		if !ok {
			continue
		}
		if path != f.plain.Script() || !f.o.Again { // a program that runs again reads it anew
			g.Files = append(g.Files, guard.Source(path, id))
		}
	}
	return nil
}

// cached returns the path of a module's byte code, where that is a guard of its own: in a strict
// image, and where the interpreter does not compare it with its source (PEP 552).
func (f *freezing) cached(m pyheap.Module) string {
	at, err := f.heap.Attr(m.Addr, "__cached__")
	if err != nil {
		return ""
	}
	path, err := f.heap.Str(at)
	if err != nil || !strings.HasSuffix(path, ".pyc") || !filepath.IsAbs(path) || !f.o.Strict && !unchecked(path) {
		return ""
	}
	return path
}

// unchecked says whether byte code is taken as it is, whatever its source: the flags behind its
// magic number have a hash, and not that it is to be checked.
func unchecked(path string) bool {
	const hash, checked = 1, 2
	var head [8]byte
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	if _, err := io.ReadFull(file, head[:]); err != nil {
		return false
	}
	return binary.LittleEndian.Uint32(head[4:])&(hash|checked) == hash
}

// never is of no file.
var never = guard.ID{Size: ^uint64(0)}

// kernelName returns what the kernel calls a program with this path.
func kernelName(path string) string {
	name := filepath.Base(path)
	return name[:min(len(name), 15)]
}

// homeFiles are the guards of what an interpreter reads beside itself before it runs anything: Modules/getpath.py, and until 3.10
// Modules/getpath.c.
func homeFiles(path string) (out []guard.File) {
	if path == "" {
		return nil
	}
	dir := filepath.Dir(path)
	for _, name := range []string{path + "._pth", filepath.Join(dir, "pyvenv.cfg"), filepath.Join(filepath.Dir(dir), "pyvenv.cfg")} {
		if id, err := guard.Stat(name); err == nil {
			out = append(out, guard.Source(name, id))
		}
	}
	return out
}

// isTerminal says whether a standard stream of a process is one.
func isTerminal(pid, fd int) bool {
	link, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd))
	return err == nil && (strings.HasPrefix(link, "/dev/pts/") || strings.HasPrefix(link, "/dev/tty") || link == "/dev/console")
}
