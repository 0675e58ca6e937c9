package restore

import (
	"os"
	"path/filepath"
	"strings"

	"pyfreeze/restore/guard"
	"pyfreeze/tracer"
)

// elsewhere says whether the run that is frozen is better off in an empty directory. What a program
// reads below its working directory binds the image to that, as its path may be made of what the
// program was told of it. In the user's home, or in the root directory, everything seems to lie
// below: settings, caches, modules. A program that is given by a path relative to the directory, or
// that has it for a place to import from (-m, -c), is not moved.
func elsewhere(program tracer.Program) bool {
	cwd, err := os.Getwd()
	if err != nil || program.Dir != "" || !filepath.IsAbs(program.Path) {
		return false
	}
	if strings.HasPrefix(filepath.Base(program.Path), "python") {
		cl, err := guard.ParseCmdline(program.Argv)
		if err != nil || !filepath.IsAbs(cl.Script()) {
			return false
		}
	}
	home := guard.Lookup(program.Env, "HOME")
	return cwd == "/" || home != nil && (*home == cwd || strings.HasPrefix(*home, cwd+"/"))
}
