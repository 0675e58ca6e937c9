package snapshot

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"pyfreeze/tracer"
)

// lookers are files that look whether and what there is, or whether a cache of theirs is still of
// today, which a thaw asks anew: they keep nothing else of what stat tells.
var lookers = []string{"<frozen importlib", "<frozen zipimport", "<frozen site", "<frozen runpy",
	"/site.py", "/zipimport.py", "/runpy.py", "/glob.py", "/importlib/metadata/__init__.py"}

// paths are files of which some functions do: looks.
var paths = []string{"<frozen genericpath", "<frozen posixpath", "/genericpath.py", "/posixpath.py",
	"/pathlib.py", "/pathlib/__init__.py", "/pathlib/_local.py", "/pathlib/_abc.py"}

var looks = []string{"exists", "lexists", "isfile", "isdir", "islink", "_joinrealpath", "realpath",
	"is_dir", "is_file", "is_symlink", "_is_case_sensitive", "resolve", "_resolve"}

// takesStatus says whether a call tells the program all that stat tells of a path: its times, mode
// and owner.
func (o *observer) takesStatus(call *tracer.Call) bool {
	const most = 4
	switch call.Nr {
	case unix.SYS_STAT, unix.SYS_LSTAT, unix.SYS_NEWFSTATAT, unix.SYS_STATX:
	default:
		return false
	}
	if call.Result < 0 {
		return false
	}
	for _, f := range o.stack.frames(o.tstate(), most) {
		file := o.stack.file(f.code)
		of := func(h string) bool { return strings.HasPrefix(file, h) || strings.HasSuffix(file, h) }
		switch {
		case slices.ContainsFunc(lookers, of):
			return false
		case !slices.ContainsFunc(paths, of):
			return true
		case slices.Contains(looks, o.stack.name(f.code)):
			return false
		}
	}
	return true
}
