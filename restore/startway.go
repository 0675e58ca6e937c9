package restore

import (
	"debug/elf"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"pyfreeze/procmem"
	"pyfreeze/pyheap"
)

// startway is how the interpreter was started, as its configuration tells: options, variables and files that it reads all went into that.
type startway struct {
	safePath  bool // sys.path has no directory of the program
	buffered  bool // the standard streams are
	optimized int  // level
}

// readStartway reads PyInterpreterState.config, and refuses what a thaw does not do.
func (t *target) readStartway(f *frozen, cl cmdline, environ []string) (s startway, err error) {
	field := func(name string) (v int32) {
		at, _, ferr := t.field(t.interp, "PyInterpreterState", "config."+name)
		if ferr != nil {
			err = ferr
			return 0
		}
		u, perr := f.peek32(at)
		if perr != nil {
			err = perr
		}
		return int32(u)
	}
	s = startway{safePath: field("isolated") != 0, buffered: field("buffered_stdio") != 0, optimized: int(field("optimization_level"))}
	if t.lay.Has("PyInterpreterState", "config.safe_path") { // gh-57684, 3.11
		s.safePath = field("safe_path") != 0
	}
	switch inspect, skip := field("inspect"), field("skip_source_first_line"); {
	case err != nil:
	case inspect != 0 || cl.hasOption('i') || field("use_environment") != 0 && slices.ContainsFunc(environ, inspects): // it ends with that
		return s, refused("an interpreter that reads commands when its program has ended", "start it without -i and PYTHONINSPECT")
	case skip != 0:
		return s, refused("an interpreter that leaves out the first line of its program", "start it without -x")
	}
	return s, err
}

func inspects(entry string) bool {
	v, ok := strings.CutPrefix(entry, "PYTHONINSPECT=")
	return ok && v != ""
}

// refuseMalloc refuses a process with another malloc than libc's: frozen blocks would meet one that knows nothing of them.
func refuseMalloc(mods []*module) error {
	for _, m := range mods {
		if isLoader(m) || !m.main && isSystemLib(m.soname) {
			continue
		}
		for _, name := range append(slices.Clone(filtered), "malloc", "calloc") {
			if s, ok := m.File.Dynsym(name); ok && s.Type == elf.STT_FUNC {
				return refused(fmt.Sprintf("a %s that is not the C library's, in %s", name, m.Path), "start it without that library (LD_PRELOAD)")
			}
		}
	}
	return nil
}

// executable gives what sys.executable was, if it leads to exe: the interpreter takes its home from where it lies, as in a virtual environment.
func executable(h *pyheap.Heap, exe string) string {
	a, err := h.Lookup("sys.executable")
	if err != nil {
		return ""
	}
	path, err := h.Str(a)
	if err != nil || !filepath.IsAbs(path) {
		return ""
	}
	if real, err := filepath.EvalSymlinks(path); err != nil || real != exe {
		return ""
	}
	return path
}

// homeFiles are the guards of what an interpreter reads beside itself before it runs anything: Modules/getpath.py, and until 3.10
// Modules/getpath.c.
func homeFiles(path string) (out []guardFile) {
	if path == "" {
		return nil
	}
	dir := filepath.Dir(path)
	for _, name := range []string{path + "._pth", filepath.Join(dir, "pyvenv.cfg"), filepath.Join(filepath.Dir(dir), "pyvenv.cfg")} {
		if id, err := statFile(name); err == nil {
			out = append(out, guardFile{Path: name, Size: id.size, MtimeNs: id.mtimeNs})
		}
	}
	return out
}

// startedWith marks the libraries that ld.so loads before the program, though nothing needs them (LD_PRELOAD): in its list they stand before
// itself.
func startedWith(mods []*module, mem *procmem.Space) error {
	exe, _ := findMain(mods)
	if exe == nil {
		return nil // told later
	}
	links, err := readLinkMaps(mem, exe)
	if err != nil {
		return err
	}
	byBias := map[procmem.Addr]*module{}
	for _, m := range mods {
		byBias[m.Bias] = m
	}
	for _, l := range links {
		m := byBias[l.Bias]
		if m == nil || m.main {
			continue
		}
		if isLoader(m) {
			return nil
		}
		m.atStart = true
	}
	return nil
}
