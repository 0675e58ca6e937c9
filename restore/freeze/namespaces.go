package freeze

import (
	"path/filepath"
	"strings"

	"pyfreeze/pyheap"
)

// otherParts are the paths at which packages without __init__.py could have more parts, and have
// none: an import joins all of the directories of that name on the way.
func (f *freezing) otherParts() (out []string) {
	mods, err := f.heap.Modules()
	if err != nil {
		return nil
	}
	for _, m := range mods {
		if m.Kind != pyheap.KindNamespace {
			continue
		}
		where, name := "sys.path", m.Name
		if i := strings.LastIndexByte(name, '.'); i >= 0 {
			where, name = name[:i]+".__path__", name[i+1:]
		}
		dirs, err := f.pathsIn(where)
		if err != nil {
			continue // no list: nothing is joined
		}
		for _, dir := range dirs {
			out = append(out, filepath.Join(dir, name))
		}
	}
	return out
}

// pathsIn are the absolute paths in a list of Python, or in the list of a namespace's __path__;
// none where the program has taken it away. The error is of what is there and no list.
func (f *freezing) pathsIn(where string) (out []string, err error) {
	list, err := f.heap.Lookup(where)
	if err != nil {
		return nil, nil
	}
	if inner, err := f.heap.Attr(list, "_path"); err == nil { // _NamespacePath of importlib
		list = inner
	}
	items, err := f.heap.ListItems(list, maxPath)
	if err != nil {
		return nil, err
	}
	for _, o := range items {
		if path, err := f.heap.Str(o); err == nil && filepath.IsAbs(path) {
			out = append(out, path)
		}
	}
	return out, nil
}
