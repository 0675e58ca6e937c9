package freeze

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pyfreeze/restore/guard"
	"pyfreeze/restore/prefix"
)

// maxOpened bounds what a warm-up tells of the files that it has read.
const maxOpened = 1 << 20

// maxPath bounds how many entries of sys.path are looked at.
const maxPath = 1000

// addKept makes guards of what is kept where a program runs again, and would not be read anew: the
// directories that site has looked into for .pth files, and files that were read by the way.
func (f *freezing) addKept(g *guard.Guards) error {
	paths, err := f.siteDirs()
	if err != nil {
		return err
	}
	for _, path := range paths {
		f.addRead(g, path, prefix.Import, false)
	}
	if f.o.Opened == nil {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(f.o.Opened, maxOpened))
	if err != nil {
		return err
	}
	have, dirs := map[string]bool{}, map[string]bool{}
	for _, file := range g.Files {
		have[file.Path] = true
	}
	mods, err := f.heap.Modules()
	if err != nil {
		return err
	}
	for _, m := range mods {
		if m.Name != "__main__" && m.File != "" {
			dirs[filepath.Dir(m.File)] = true
		}
	}
	for path := range strings.SplitSeq(string(b), "\x00") {
		if f.o.Work != "" && strings.HasPrefix(path, f.o.Work+"/") || !besides(path, dirs) {
			continue
		}
		st, err := os.Stat(path)
		if err == nil && st.Mode().IsRegular() && filepath.IsAbs(path) && !prefix.OfKernel(path) {
			f.addRead(g, path, prefix.Opened, have[path])
		}
	}
	return nil
}

// besides says whether a file lies in one of the directories, or below one. What a program reads
// elsewhere, its next run reads anew; what lies beside its modules these may keep.
func besides(path string, dirs map[string]bool) bool {
	for dir := filepath.Dir(path); dir != "/" && dir != "."; dir = filepath.Dir(dir) {
		if dirs[dir] {
			return true
		}
	}
	return false
}

// siteDirs are the directories of sys.path that site looks into, and that of the user, which may
// not be there yet.
func (f *freezing) siteDirs() (out []string, err error) {
	add := func(path string) {
		name := filepath.Base(path)
		site := name == "site-packages" || name == "dist-packages"
		if site && filepath.IsAbs(path) && !slices.Contains(out, path) {
			out = append(out, path)
		}
	}
	paths, err := f.pathsIn("sys.path")
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		add(path)
	}
	enabled, err := f.heap.Lookup("site.ENABLE_USER_SITE")
	if err != nil {
		return out, nil // -S
	}
	if yes, err := f.heap.Lookup("builtins.True"); err != nil || enabled != yes {
		return out, nil
	}
	if user, err := f.heap.Lookup("site.USER_SITE"); err == nil {
		if path, err := f.heap.Str(user); err == nil {
			add(path)
		}
	}
	return out, nil
}
