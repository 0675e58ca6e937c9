package freeze

import (
	"path/filepath"
	"strings"

	"pyfreeze/restore/guard"
	"pyfreeze/restore/prefix"
)

// ofLibrary is what a library in C reads once, when it is loaded or set up, and keeps. It asks libc
// for variables, which only the run to a point that is found sees.
type ofLibrary struct {
	name  string   // its file's name begins so
	names []string // variables; NAME* stands for all that begin so
	files []string // ~ stands for the user's directory
}

var byLibrary = []ofLibrary{
	// readline: bind.c, rl_read_init_file(); terminal.c, _rl_init_terminal_io(). Python's module
	// calls rl_initialize() when it is imported.
	{"libreadline.so", []string{"INPUTRC", "TERM"}, []string{"~/.inputrc", "/etc/inputrc"}},
	// OpenSSL: crypto/conf/conf_mod.c, CONF_get1_default_config_file(); crypto/provider_core.c.
	{"libcrypto.so", []string{"OPENSSL_CONF", "OPENSSL_MODULES"}, nil},
	// GCC: libgomp/env.c, initialize_env().
	{"libgomp", []string{"OMP_*", "GOMP_*"}, nil},
	// OpenBLAS: driver/others/openblas_env.c, openblas_read_env().
	{"libopenblas", openblas, nil},
	{"libscipy_openblas", openblas, nil}, // as NumPy's and SciPy's wheels have it
}

var openblas = []string{"OPENBLAS_*", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"}

// loaded calls use for each of the libraries above that is loaded.
func (f *freezing) loaded(use func(ofLibrary)) {
	for _, l := range byLibrary {
		for _, have := range f.libs {
			if strings.HasPrefix(filepath.Base(have.File.Path), l.name) {
				use(l)
				break
			}
		}
	}
}

// variablesOfLibraries are those that libraries have looked for, where nobody has watched them.
func (f *freezing) variablesOfLibraries() (out []string) {
	if f.o.Reads != nil {
		return nil
	}
	f.loaded(func(l ofLibrary) { out = append(out, l.names...) })
	return out
}

// addFilesOfLibraries makes guards of the files that libraries have read, where nothing was traced.
func (f *freezing) addFilesOfLibraries(g *guard.Guards) {
	home := guard.Lookup(f.start.Environ, "HOME")
	f.loaded(func(l ofLibrary) {
		for _, path := range l.files {
			if rest, ok := strings.CutPrefix(path, "~"); ok && home != nil {
				path = *home + rest
			}
			if filepath.IsAbs(path) {
				f.addRead(g, path, prefix.Opened, false)
			}
		}
	})
}
