package captured

import (
	"regexp"
	"strings"
)

// refreshed are places in the standard library that the thaw script sets anew, that the program itself
// checks, or that say where code is rather than how it was started. Patterns as in FIXES of a recipe.
var refreshed = []string{
	// Set anew by thaw.py and thaw_cold.py.
	"sys.argv", "sys.orig_argv", "sys.path", "sys.executable",
	"os.environ", "os.environb", "posix.environ",
	"sys.stdin", "sys.stdout", "sys.stderr", "sys.__stdin__", "sys.__stdout__", "sys.__stderr__",
	"site.USER_BASE", "site.USER_SITE", "sysconfig._CONFIG_VARS['userbase']",
	"multiprocessing.process.ORIGINAL_DIR",
	"tempfile.tempdir",
	// By hooks that run after a fork, or compared with the process at every use.
	"threading._main_thread", "threading._active",
	"tempfile._name_sequence",
	"multiprocessing.process._current_process", "multiprocessing.process._parent_process",
	// Where a module or the interpreter is.
	"sys.prefix", "sys.exec_prefix", "sys.base_prefix", "sys.base_exec_prefix", "sys._base_executable", "sys._home",
	"*.__file__", "*.__cached__", "*.__spec__", "*.__path__", "*.__loader__",
	"sys.path_importer_cache", "_frozen_importlib*", "importlib._bootstrap*", "linecache.cache",
	// Tables.
	"locale.locale_alias",
}

// patterns match paths.
type patterns []*regexp.Regexp

// compilePatterns reads patterns of paths: "module.name[0]", in which * stands for anything. Each also matches
// what lies below.
func compilePatterns(list []string) patterns {
	var out patterns
	for _, p := range list {
		expr := strings.ReplaceAll(regexp.QuoteMeta(strings.ToValidUTF8(p, "\ufffd")), `\*`, `.*`)
		out = append(out, regexp.MustCompile(`^`+expr+`(?:$|[.\[ ,])`))
	}
	return out
}

// Matcher says of a path whether one of the patterns is for it, which are as in FIXES of a recipe.
func Matcher(list []string) func(path string) bool { return compilePatterns(list).match }

var moduleStep = regexp.MustCompile(`^sys\.modules\['([^']*)'\]`)

// match says whether one matches a path as pyheap writes it.
func (ps patterns) match(path string) bool {
	path = moduleStep.ReplaceAllString(path, "$1")
	for _, p := range ps {
		if p.MatchString(path) {
			return true
		}
	}
	return false
}
